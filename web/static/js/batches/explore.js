// Explore a batch: each run is a line across its parameters and metrics, and a point over any two of them.
// A selection by dragging becomes a condition in the address, by which the server filters the table below.
import { announce } from "../announce.js";
import { coloursOf, onThemeChange } from "../charts/library.js";
import { make } from "../elements.js";
import { sendJson } from "../requests.js";
import { swap } from "../swap.js";
import { cleared, drag, fitted, word } from "./canvas.js";

const EDGE = { top: 30, bottom: 26, side: 48 };
const AXIS_PX = 72; // smallest distance; more axes than fit are scrolled
const DOT_PX = 4;
const NEAR_PX = 10; // around a point that counts as a hit
const DRAG_PX = 4; // below this a drag is a click
const OPEN = [null, null]; // a range without ends
const RANGE = /([\w.]+) (>=|<=) (-?[\d.e+-]+)/g;

class Axis {
  constructor(name, values, { title = name.replace(/^inputs\./, ""), better = null } = {}) {
    Object.assign(this, { name, values, better, title });
    this.words = values.some((value) => typeof value === "string") ? [...new Set(values)].sort() : null;
    this.numbers = values.map((value) => (this.words ? this.words.indexOf(value) : value));
    const numbers = this.numbers.filter((value) => value !== null && value !== undefined);
    [this.low, this.high] = [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
    this.isWhole = numbers.every(Number.isInteger);
    this.range = OPEN;
  }

  // 0 at the lowest value, 1 at the highest
  share(at) {
    return this.high === this.low ? 0.5 : (this.numbers[at] - this.low) / (this.high - this.low);
  }

  // rounded, but exact at the ends, so that the extreme runs stay selected
  at(share) {
    if (share <= 0 || share >= 1) return share <= 0 ? this.low : this.high;
    const value = Number((this.low + (this.high - this.low) * share).toPrecision(4));
    return this.isWhole ? Math.round(value) : value;
  }

  get isOpen() {
    return this.range.every((end) => end === null);
  }

  get ends() {
    return [this.range[0] ?? this.low, this.range[1] ?? this.high];
  }

  holds(at) {
    const [low, high] = this.ends;
    return this.isOpen || (this.numbers[at] !== null && this.numbers[at] >= low && this.numbers[at] <= high);
  }

  conditions() {
    return [">=", "<="].flatMap((sign, at) =>
      this.range[at] === null ? [] : `${this.name} ${sign} ${this.range[at]}`,
    );
  }

  format(value, options = { maximumSignificantDigits: 4 }) {
    return this.words ? this.words[Math.round(value)] : (value || 0).toLocaleString("en", options).replace("-", "−");
  }

  // The value of one run, by index.
  textAt(at) {
    const number = this.numbers[at];
    if (this.words) return this.words[number];
    return number === null ? "—" : this.format(number);
  }

  // Shortened to the digits that fit.
  shortly(value, context, width) {
    const texts = [4, 3, 2].map((maximumSignificantDigits) =>
      this.format(value, { maximumSignificantDigits, notation: maximumSignificantDigits < 4 ? "compact" : "standard" }),
    );
    return fitted(context, texts.find((text) => context.measureText(text).width <= width - 8) ?? texts.at(-1), width);
  }
}

class Explore {
  constructor(element) {
    this.element = element;
    [this.parallel, this.scatter] = element.querySelectorAll("canvas");
    this.start();
  }

  async start() {
    const { ok, body } = await sendJson(this.element.dataset.points);
    if (!ok || !this.element.isConnected) return;
    const named = (columns) => Object.entries(columns).filter(([, values]) => values.some((value) => value !== null));
    const axes = [...named(body.params), ...named(body.metrics)].map(
      ([name, values]) => new Axis(name, values, body.about[name]),
    );
    this.axes = axes.filter((axis) => axis.high > axis.low);
    [this.count, this.runs] = [body.run_ids.length, body.run_ids];
    this.element.hidden = this.axes.length < 2;
    if (this.element.hidden) return;
    this.parallel.style.minWidth = `${this.axes.length * AXIS_PX}px`;
    this.readRanges();
    this.drawSelects();
    this.drawInputs();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.element);
    const forget = onThemeChange(() => (this.element.isConnected ? this.draw() : forget()));
  }

  readRanges() {
    for (const [, name, sign, value] of (new URLSearchParams(location.search).get("where") ?? "").matchAll(RANGE)) {
      const axis = this.axes.find((each) => each.name === name);
      if (axis) axis.range = axis.range.with(sign === ">=" ? 0 : 1, Number(value));
    }
  }

  drawSelects() {
    const metrics = this.axes.filter((axis) => axis.better);
    [this.x, this.y] =
      metrics.length > 1 ? [metrics.find((axis) => axis.better === "low") ?? metrics[1], metrics[0]] : this.axes;
    for (const select of this.element.querySelectorAll("[data-axis]")) {
      const chosen = this[select.dataset.axis];
      select.replaceChildren(
        ...this.axes.map((axis, at) => make("option", { value: at, selected: axis === chosen }, axis.title)),
      );
      select.addEventListener("change", () => {
        this[select.dataset.axis] = this.axes[select.value];
        this.draw();
      });
    }
  }

  // The same ranges for the keyboard.
  drawInputs() {
    const rows = this.axes
      .filter((axis) => !axis.words)
      .map((axis) => {
        axis.inputs = ["from", "to"].map((end, at) => {
          const input = make("input", {
            type: "number",
            step: "any",
            className: "form-control form-control-sm",
            placeholder: axis.format([axis.low, axis.high][at]),
            ariaLabel: `${axis.title} ${end}`,
          });
          input.addEventListener("change", () =>
            this.choose(
              axis,
              axis.inputs.map(({ value }) => (value === "" ? null : Number(value))),
            ),
          );
          return input;
        });
        return make("div", { className: "range-row" }, make("span", {}, axis.title), ...axis.inputs);
      });
    this.element.querySelector("[data-ranges]").replaceChildren(...rows);
    this.writeRanges();
  }

  writeRanges() {
    for (const { inputs = [], range } of this.axes)
      for (const [at, input] of inputs.entries()) input.value = range[at] ?? "";
  }

  listen() {
    drag(this.parallel, (from, to) => {
      const axis =
        this.axes[
          Math.round(((from.x - EDGE.side) / (this.parallel.clientWidth - 2 * EDGE.side)) * (this.axes.length - 1))
        ];
      if (!axis || axis.words) return;
      const height = this.parallel.clientHeight - EDGE.top - EDGE.bottom;
      const ends = [from.y, to.y].map((y) => axis.at(1 - (y - EDGE.top) / height));
      this.choose(axis, Math.abs(from.y - to.y) < DRAG_PX ? OPEN : ends.sort((a, b) => a - b));
    });
    drag(this.scatter, (from, to) => {
      const isClick = Math.hypot(from.x - to.x, from.y - to.y) < DRAG_PX;
      const meant = isClick ? this.nearest(to) : null;
      if (meant !== null) return this.name(meant);
      const [width, height] = [
        this.scatter.clientWidth - 2 * EDGE.side,
        this.scatter.clientHeight - EDGE.top - EDGE.bottom,
      ];
      const across = [from.x, to.x].map((x) => this.x.at((x - EDGE.side) / width)).sort((a, b) => a - b);
      const up = [from.y, to.y].map((y) => this.y.at(1 - (y - EDGE.top) / height)).sort((a, b) => a - b);
      if (!this.x.words) this.x.range = isClick ? OPEN : across;
      this.choose(this.y, isClick || this.y.words ? OPEN : up);
    });
  }

  // The run whose point is at this place, or null.
  nearest({ x, y }) {
    const far = (at) => Math.hypot(this.across(at) - x, this.up(at) - y);
    const best = this.plotted.reduce((one, at) => (one === null || far(at) < far(one) ? at : one), null);
    return best !== null && far(best) <= NEAR_PX ? best : null;
  }

  // Describes the run of a point: its values and a link.
  name(at) {
    this.named = at;
    const values = this.axes.map((axis) => `${axis.title} ${axis.textAt(at)}`);
    const link = make("a", { href: this.element.dataset.run + this.runs[at] }, "Open this run");
    this.element.querySelector("[data-named]").replaceChildren(`${values.join(", ")}. `, link);
    this.draw();
  }

  async choose(axis, range) {
    axis.range = range;
    this.writeRanges();
    this.draw();
    const conditions = this.axes.flatMap((each) => each.conditions());
    const url = new URL(location.href);
    if (conditions.length) url.searchParams.set("where", conditions.join(" and "));
    else url.searchParams.delete("where");
    await swap(url.href, ["best-runs"]);
    announce(document.getElementById("best-runs")?.dataset.chosen);
  }

  draw() {
    this.colours = coloursOf(this.element);
    const chosen = Array.from({ length: this.count }, (_, at) => this.axes.every((axis) => axis.holds(at)));
    this.drawParallel(chosen);
    this.drawScatter(chosen);
  }

  drawParallel(chosen) {
    const { context, width, height } = cleared(this.parallel);
    const x = (place) => EDGE.side + (place * (width - 2 * EDGE.side)) / (this.axes.length - 1);
    const y = (share) => EDGE.top + (1 - share) * (height - EDGE.top - EDGE.bottom);
    for (const isChosen of [false, true]) {
      context.strokeStyle = isChosen ? this.colours.strategy : this.colours["line-strong"];
      context.globalAlpha = Math.min(1, Math.max(0.08, (isChosen ? 60 : 20) / this.count));
      chosen.forEach((each, at) => {
        if (each !== isChosen) return;
        context.beginPath();
        for (const [place, axis] of this.axes.entries())
          if (axis.numbers[at] !== null) context.lineTo(x(place), y(axis.share(at)));
        context.stroke();
      });
    }
    context.globalAlpha = 1;
    this.axes.forEach((axis, place) => {
      const anchor = place === 0 ? "left" : place === this.axes.length - 1 ? "right" : "center";
      const edge = place === 0 ? 4 : place === this.axes.length - 1 ? width - 4 : x(place);
      context.fillStyle = this.colours["line-strong"];
      context.fillRect(x(place) - 0.5, EDGE.top, 1, height - EDGE.top - EDGE.bottom);
      if (!axis.isOpen) {
        const [low, high] = axis.ends.map((value) => y((value - axis.low) / (axis.high - axis.low)));
        context.fillStyle = this.colours.strategy;
        context.fillRect(x(place) - 3, high, 6, low - high);
      }
      const room = (width - 2 * EDGE.side) / (this.axes.length - 1);
      word(context, this.colours, fitted(context, axis.title, room), edge, 8, anchor);
      word(context, this.colours, axis.shortly(axis.high, context, room), edge, 22, anchor);
      word(context, this.colours, axis.shortly(axis.low, context, room), edge, height - 14, anchor);
    });
  }

  drawScatter(chosen) {
    const { context, width, height } = cleared(this.scatter);
    const x = (at) => EDGE.side + this.x.share(at) * (width - 2 * EDGE.side);
    const y = (at) => EDGE.top + (1 - this.y.share(at)) * (height - EDGE.top - EDGE.bottom);
    const plotted = [...chosen.keys()].filter((at) => this.x.numbers[at] !== null && this.y.numbers[at] !== null);
    Object.assign(this, { across: x, up: y, plotted });
    for (const isChosen of [false, true]) {
      context.fillStyle = isChosen ? this.colours.strategy : this.colours["line-strong"];
      context.globalAlpha = isChosen ? 0.8 : 0.4;
      for (const at of plotted)
        if (chosen[at] === isChosen) context.fillRect(x(at) - DOT_PX / 2, y(at) - DOT_PX / 2, DOT_PX, DOT_PX);
    }
    context.globalAlpha = 1;
    context.strokeStyle = this.colours.c4;
    if (plotted.includes(this.named))
      context.strokeRect(x(this.named) - DOT_PX, y(this.named) - DOT_PX, 2 * DOT_PX, 2 * DOT_PX);
    context.beginPath();
    for (const at of front(plotted, this.x, this.y)) context.lineTo(x(at), y(at));
    context.stroke();
    context.strokeStyle = this.colours["line-strong"];
    context.strokeRect(EDGE.side - 0.5, EDGE.top - 0.5, width - 2 * EDGE.side, height - EDGE.top - EDGE.bottom);
    word(context, this.colours, `${this.y.title} ${this.y.format(this.y.high)}`, 4, 18, "left");
    word(
      context,
      this.colours,
      this.y.shortly(this.y.low, context, EDGE.side + 4),
      0,
      height - EDGE.bottom - 6,
      "left",
    );
    const [low, high] = [this.x.low, this.x.high].map((end) => this.x.format(end));
    const room = width - EDGE.side - context.measureText(`${low} ${high}`).width - 8;
    word(context, this.colours, low, EDGE.side, height - 12, "left");
    word(context, this.colours, `${fitted(context, this.x.title, room)} ${high}`, width - 4, height - 12, "right");
  }
}

// The Pareto front: runs that no other beats on both axes; empty if an axis has no better direction.
function front(plotted, x, y) {
  if (!x.better || !y.better) return [];
  const good = (axis, at) => (axis.better === "high" ? axis.numbers[at] : -axis.numbers[at]);
  const sorted = plotted.sort((one, other) => good(x, other) - good(x, one) || good(y, other) - good(y, one));
  let best = -Infinity;
  return sorted.filter((at) => {
    const isBetter = good(y, at) > best;
    best = Math.max(best, good(y, at));
    return isBetter;
  });
}

export function startExploring(element) {
  if (!element.dataset.started) new Explore(element);
  element.dataset.started = "yes";
}
