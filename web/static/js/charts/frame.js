// Panes over one time axis with one crosshair, shared by the charts of a run, of prices and of a comparison.
// A pane is {id, name, height, log, series}, its height in parts of the whole;
// a series is {kind, colour, points(data), legend(data, at)}, the first of all
// also {level(data, at)}. Data are {times, …} with one value per point in every column; null where there is none.
import { announce } from "../announce.js";
import { make } from "../elements.js";
import { chartOptions, coloursOf, compact, moment, onThemeChange } from "./library.js";
import { KINDS, withLevels } from "./series.js";

const AXIS_PX = 30;
const STEP = { ArrowLeft: -1, ArrowRight: 1 };
const ZOOM = { "+": 0.7, "=": 0.7, "-": 1 / 0.7 };
const LOG_FROM = 8;
const LEVEL = { lineStyle: 2, lineWidth: 1, axisLabelVisible: false };
const NARROW_PX = 100;
const SMALL = 200; // parts; the legend of a smaller pane takes a larger share of the height
const MARGIN_BARS = 0.5;
const PAPER_PX = 690; // between the margins of A4

function remembered(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`chart-${name}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export class Frame {
  constructor(element, library, intraday) {
    Object.assign(this, { element, library, intraday, panes: [], data: { times: [] }, cursor: null });
    this.stage = element.querySelector(".stage");
    this.hidden = new Set(remembered("hidden", ["sharpe", "returns"]));
    this.log = remembered("log", null);
    this.forget = onThemeChange(() => this.redraw());
    this.printing = new AbortController();
    addEventListener("beforeprint", () => this.chart && this.fitPaper(), this.printing);
    addEventListener("afterprint", () => this.stage.removeAttribute("style"), this.printing);
    this.watching = new ResizeObserver(() => this.chart && this.resize());
    this.watching.observe(this.stage);
    this.stage.addEventListener("keydown", (event) => this.onKey(event));
  }

  // `spread` is the highest value as a multiple of the lowest: where it is large, the scale is logarithmic by default.
  setPanes(panes, spread) {
    this.panes = panes;
    this.log ??= spread >= LOG_FROM;
    this.drawTools();
  }

  get shownPanes() {
    return this.panes.filter((pane) => !this.hidden.has(pane.id));
  }

  // Redraws everything after a change of theme or panes; the visible range stays.
  redraw() {
    const range = this.chart?.timeScale().getVisibleLogicalRange();
    this.chart?.remove();
    this.under = undefined;
    this.colours = coloursOf(this.element);
    this.canvas = make("div", { ariaHidden: "true" });
    if (!range) this.showSettled(this.canvas);
    this.stage.replaceChildren(this.canvas);
    this.stage.classList.add("drawn");
    this.height = this.stage.clientHeight;
    const all = this.shownPanes.reduce((sum, pane) => sum + pane.height, 0);
    const heights = this.shownPanes.map((pane) => Math.round((pane.height / all) * (this.height - AXIS_PX)));
    this.chart = this.library.createChart(this.canvas, {
      ...chartOptions(this.library, this.colours, this.intraday),
      width: NARROW_PX,
      height: this.height,
    });
    this.drawn = this.shownPanes.flatMap((pane, at) => pane.series.map((each) => this.addSeries(pane, each, at)));
    this.divide(heights);
    this.fill();
    this.legends = this.shownPanes.map(() => this.stage.appendChild(make("p", { className: "pane-legend" })));
    this.onRedraw?.();
    this.listen();
    if (range) this.chart.timeScale().setVisibleLogicalRange(range);
    else this.showAll();
  }

  // The library places its panes a frame after their sizes are set; hide the chart so that nobody sees them move.
  showSettled(canvas) {
    canvas.style.visibility = "hidden";
    const show = () => canvas.style.removeProperty("visibility");
    requestAnimationFrame(() => requestAnimationFrame(show));
  }

  // The library takes the height of a pane from the other panes as last drawn. So the chart, still empty, is drawn
  // after each change (narrow, which is faster), and each change is reduced by what the following ones add to it.
  divide(heights) {
    this.isTaller = false; // its initial size
    this.drawAtOnce();
    const panes = this.chart.panes();
    const changes = panes.map((pane, at) => (heights[at] - pane.getHeight()) * (1 - 1 / panes.length));
    panes.forEach((pane, at) => {
      pane.setHeight(pane.getHeight() + changes[at]);
      this.drawAtOnce();
    });
    this.resize();
  }

  // The library draws at once only if its size changes, and its options do not tell the current size.
  drawAtOnce() {
    this.isTaller = !this.isTaller;
    this.chart.resize(NARROW_PX, this.height + (this.isTaller ? 2 : 0), true);
  }

  resize() {
    this.height = this.stage.clientHeight;
    this.chart.resize(this.stage.clientWidth, this.height);
    // the panes under the legends are placed a frame later
    const { chart } = this;
    const settled = () => chart === this.chart && chart.timeScale().getVisibleLogicalRange() && this.legend();
    requestAnimationFrame(() => requestAnimationFrame(settled));
  }

  addSeries(pane, each, at) {
    const { library, colours } = this;
    const colour = colours[each.colour];
    const kind = KINDS[each.kind](colour, colours);
    const series = this.chart.addSeries(
      library[kind.type],
      {
        priceLineVisible: false,
        priceFormat: { type: "custom", minMove: each.minMove ?? 0.0001, formatter: each.axis ?? compact },
        ...(each.levels?.length ? { autoscaleInfoProvider: (range) => withLevels(range(), each.levels) } : {}),
        ...kind.options,
        ...each.options,
      },
      at,
    );
    const mode = pane.log && this.log ? this.library.PriceScaleMode.Logarithmic : this.library.PriceScaleMode.Normal;
    series
      .priceScale()
      .applyOptions({ mode, scaleMargins: each.margins ?? { top: pane.height < SMALL ? 0.3 : 0.2, bottom: 0.06 } });
    for (const level of each.levels ?? []) series.createPriceLine({ ...LEVEL, price: level, color: colours.muted });
    return { ...each, pane, series };
  }

  show(data) {
    const marked = this.data.times[this.cursor];
    this.data = data;
    if (marked)
      this.cursor = Math.max(
        data.times.findLastIndex((time) => time <= marked),
        0,
      );
    this.fill();
  }

  fill() {
    for (const each of this.drawn) each.series.setData(each.points(this.data, this.colours));
  }

  listen() {
    const scale = this.chart.timeScale();
    this.chart.subscribeCrosshairMove(({ point, logical, sourceEvent }) => {
      if (this.isMarked && point && !sourceEvent) return this.keepMark();
      this.isMarked = false;
      this.under = point && logical;
      this.legend();
    });
    this.chart.subscribeClick(({ logical, point }) => logical !== undefined && this.pick(logical, point));
    scale.subscribeVisibleLogicalRangeChange(() => this.onRangeChange());
  }

  onRangeChange() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const [from, to] = [range.from, range.to].map((logical) =>
      moment(this.data.times[this.within(logical)], this.intraday),
    );
    this.element.querySelector(".chart-range").textContent = `${from} to ${to}`;
    if (this.isMarked) this.keepMark();
    else this.legend();
    this.onRange?.();
  }

  pick(point, place) {
    this.cursor = this.within(point);
    if (this.under !== this.cursor) this.mark(); // touch leaves no crosshair
    this.onPick?.(this.cursor, place);
  }

  // Puts the crosshair and the legends on the bar of the cursor.
  mark() {
    const [first] = this.drawn;
    this.chart.setCrosshairPosition(
      first.level(this.data, this.cursor) ?? 0,
      this.data.times[this.cursor],
      first.series,
    );
    this.isMarked = true;
    this.under = this.cursor;
    return this.legend();
  }

  // While the bars move, the library leaves the crosshair at its place on the screen.
  keepMark() {
    if (this.isShown(this.cursor)) return this.mark();
    this.chart.clearCrosshairPosition();
    return this.legend();
  }

  isShown(at) {
    const { from, to } = this.chart.timeScale().getVisibleLogicalRange();
    return at >= from && at <= to;
  }

  within(logical) {
    return Math.min(Math.max(Math.round(logical), 0), this.data.times.length - 1);
  }

  // Values under the crosshair, else at the right end of the visible range.
  legend() {
    const { times } = this.data;
    const at = this.within(
      this.isShown(this.under) ? this.under : Math.floor(this.chart.timeScale().getVisibleLogicalRange().to),
    );
    this.shownPanes.forEach((pane, index) => {
      const legend = this.legends[index];
      const top = this.chart.panes()[index].getHTMLElement()?.offsetTop ?? 0;
      legend.style.top = `${top + 4}px`;
      legend.replaceChildren(...(index ? [] : [make("strong", {}, moment(times[at] ?? 0, this.intraday))]));
      if (pane.title) legend.append(make("span", {}, pane.title));
      for (const each of pane.series.filter((one) => one.legend)) {
        const part = make("span", {}, each.legend(this.data, at));
        part.style.color = this.colours[each.colour];
        legend.append(part);
      }
    });
    return this.legends.map((legend) => [...legend.children].map((part) => part.textContent).join(" ")).join("; ");
  }

  // Canvases are not drawn anew for paper, which is light and narrower than most windows: scale and invert them.
  fitPaper() {
    const { clientWidth, clientHeight, style } = this.stage;
    const isDark = Number.parseInt(this.colours.panel.slice(1, 3), 16) < 128;
    Object.assign(style, {
      width: `${clientWidth}px`,
      height: `${clientHeight}px`,
      zoom: Math.min(1, PAPER_PX / clientWidth),
      color: this.colours.muted,
      filter: isDark ? "invert(1) hue-rotate(180deg)" : "",
    });
  }

  showAll() {
    this.showPoints(0, this.data.times.length - 1);
  }

  showPoints(from, to) {
    this.chart.timeScale().setVisibleLogicalRange({ from: from - MARGIN_BARS, to: to + MARGIN_BARS });
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.data.times.length - 1;
    if (STEP[event.key]) this.moveCursor((this.cursor ?? last + 1) + STEP[event.key] * (event.shiftKey ? 20 : 1));
    else if (event.key === "Home") this.moveCursor(0);
    else if (event.key === "End") this.moveCursor(last);
    else if (ZOOM[event.key]) this.zoom(ZOOM[event.key]);
    else if (event.key === "Enter" && this.cursor !== null) this.pick(this.cursor, null);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the arrow keys also move between tabs
  }

  moveCursor(to) {
    this.cursor = this.within(to);
    const scale = this.chart.timeScale();
    const { from, to: end } = scale.getVisibleLogicalRange();
    const beyond = this.cursor < from ? this.cursor - from - 2 : this.cursor > end ? this.cursor - end + 2 : 0;
    if (beyond) scale.setVisibleLogicalRange({ from: from + beyond, to: end + beyond });
    announce(this.mark());
  }

  zoom(factor) {
    const scale = this.chart.timeScale();
    const { from, to } = scale.getVisibleLogicalRange();
    const visible = this.cursor !== null && this.cursor >= from && this.cursor <= to;
    const middle = visible ? this.cursor : (from + to) / 2;
    scale.setVisibleLogicalRange({ from: middle - (middle - from) * factor, to: middle + (to - middle) * factor });
  }

  drawTools() {
    const tools = this.element.querySelector(".chart-tools");
    const panes = this.panes.slice(1).map((pane) =>
      this.toggle(
        pane.name,
        () => !this.hidden.has(pane.id),
        () => this.hide(pane.id),
      ),
    );
    const log = this.toggle(
      "Log",
      () => this.log,
      () => this.setLog(),
    );
    tools.querySelector(".switches").replaceChildren(...panes, log);
  }

  toggle(name, isOn, turn) {
    const button = make("button", { type: "button", className: "btn btn-quiet btn-sm" }, name);
    const show = () => {
      button.ariaPressed = isOn();
    };
    button.addEventListener("click", () => {
      turn();
      show();
      this.redraw();
    });
    show();
    return button;
  }

  hide(id) {
    if (!this.hidden.delete(id)) this.hidden.add(id);
    localStorage.setItem("chart-hidden", JSON.stringify([...this.hidden]));
  }

  setLog() {
    this.log = !this.log;
    localStorage.setItem("chart-log", JSON.stringify(this.log));
  }

  remove() {
    this.forget();
    this.printing.abort();
    this.watching.disconnect();
    this.chart?.remove();
    this.chart = null; // callbacks of the next frame check this
  }
}
