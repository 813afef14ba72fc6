// The chart of a run or a price series: bars in windows that get finer on zooming in, trades, and the explanation of
// the bar that was clicked.
import { sendJson } from "../requests.js";
import { Frame } from "./frame.js";
import { Why } from "./explanation.js";
import { loadLibrary, priceFormat } from "./library.js";
import { panesOf } from "./panes.js";
import { drawRanges, firstOf } from "./ranges.js";
import { fillCard, TradeLines } from "./trades.js";

const MOST_POINTS = 4000;
const SETTLED_MS = 150;
const ROOM_BARS = 15; // on both sides of a trade that the chart jumps to

// The window around bars `from` to `to`, extended by its width on both sides; null if `data` is fine enough.
function windowAround({ from, to }, data) {
  const span = Math.max(to - from, 10);
  const group = Math.max(1, Math.ceil((3 * span) / MOST_POINTS));
  const inside = from >= data.first || data.first === 0;
  const loaded = data.first + data.times.length * data.group;
  if (inside && (to <= loaded || loaded >= data.total) && data.group < 2 * group) return null;
  const first = Math.max(Math.floor((from - span) / group) * group, 0);
  return { first, stop: Math.min(Math.ceil((to + span) / group) * group, data.total), group };
}

export class Workspace {
  constructor(element) {
    this.element = element;
    this.urls = element.dataset;
    this.intraday = "withinDays" in element.dataset;
    this.listening = new AbortController();
    this.chosen = null;
    const panel = document.getElementById("why"); // absent on pages of prices
    this.why = panel && new Why(panel);
  }

  async start() {
    const [library, data] = await Promise.all([loadLibrary(this.element), this.load(`max=${MOST_POINTS}`)]);
    if (!library || !data) return;
    this.overview = data;
    this.frame = new Frame(this.element, library, this.intraday);
    this.lines = new TradeLines(this.frame, levelsOf(this.urls));
    Object.assign(this.frame, {
      data,
      onRange: () => this.settle(),
      onPick: (point, place) => this.pick(point, place),
      onRedraw: () => this.drawTrades(),
    });
    this.frame.setPanes(panesOf(data), Math.max(...data.high) / Math.min(...data.low));
    this.leaveRange = drawRanges(this.element, data, (days) => this.showLatest(days));
    this.frame.redraw();
    this.listen();
    const query = new URLSearchParams(location.search);
    if (query.has("at")) await this.showAt(Date.parse(query.get("at")) / 1000);
    else if (query.has("range"))
      await this.showBetween(
        query
          .get("range")
          .split("_")
          .map((each) => Date.parse(each) / 1000),
      );
    requestAnimationFrame(() => performance.mark("chart-drawn"));
  }

  listen() {
    const { signal } = this.listening;
    document.addEventListener("click", (event) => this.onClick(event), { signal });
    this.element.querySelector("[data-copy-link]")?.addEventListener("click", () => this.keepRange(), { signal });
    document.addEventListener("keydown", ({ key }) => key === "Escape" && this.why?.close(), { signal });
    document.addEventListener("swapped", () => this.showRow(), { signal });
    for (const kind of ["pointerdown", "pointerup", "pointercancel"]) {
      const onPress = () => {
        this.pressed = kind === "pointerdown";
      };
      this.element.addEventListener(kind, onPress, { signal, capture: true });
    }
  }

  async load(query) {
    const [bars, lines, before] = await Promise.all([
      sendJson(`${this.urls.bars}?${query}`),
      this.loadLines(query),
      this.loadBefore(query),
    ]);
    if (!bars.ok) return this.say(bars.body.error);
    const { time: times, bars_per_point: group, trades = [], ...columns } = bars.body;
    const closed = new Array(times.length).fill(null);
    for (const trade of trades) closed[Math.floor((trade.exit_bar - columns.first) / group)] = trade;
    closed.length = times.length;
    return {
      ...columns,
      times,
      group,
      trades,
      lines,
      closed,
      before: before && times.map((time) => before.get(time) ?? null),
    };
  }

  // Equity by time of the run that this one is compared with, or null.
  async loadBefore(query) {
    if (!this.urls.before) return null;
    const { ok, body } = await sendJson(`${this.urls.before}?${query}`);
    return new Map(ok ? body.time.map((time, at) => [time, body.equity[at]]) : []);
  }

  async loadLines(query) {
    if (!this.urls.lines) return [];
    const { body } = await sendJson(`${this.urls.lines}?${query}`);
    this.element.querySelector(".no-lines").hidden = body.lines !== null;
    return body.lines ?? [];
  }

  say(words) {
    this.element.querySelector(".chart-status").textContent = words;
    return null;
  }

  // After zooming and scrolling have stopped, with no finger down.
  settle() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.pressed ? this.settle() : this.refine()), SETTLED_MS);
  }

  visible() {
    const { from, to } = this.frame.chart.timeScale().getVisibleLogicalRange();
    const { first, group } = this.frame.data;
    return { from: first + from * group, to: first + to * group };
  }

  async refine() {
    const part = windowAround(this.visible(), this.frame.data);
    if (!part || !(await this.loadWindow(part))) return;
    this.place(this.loadedFor);
  }

  async loadWindow({ first, stop, group }) {
    this.turn = (this.turn ?? 0) + 1;
    const { turn } = this;
    const data = await this.load(`from=${first}&to=${stop}&max=${Math.ceil((stop - first) / group)}`);
    if (!data || turn !== this.turn || this.listening.signal.aborted) return false;
    this.loadedFor = this.visible(); // the range may have moved meanwhile
    this.frame.show(data);
    this.drawTrades();
    return true;
  }

  place({ from, to }) {
    const { first, group } = this.frame.data;
    this.frame.showPoints((from - first) / group + 0.5, (to - first) / group - 0.5);
  }

  async goTo(range, isLatest = false) {
    if (!isLatest) this.leaveRange();
    const part = windowAround(range, this.frame.data);
    if (part) await this.loadWindow(part);
    this.place(range);
  }

  // Shows the bar of the time in the address, with its explanation.
  async showAt(seconds) {
    const last = (times) =>
      Math.max(
        times.findLastIndex((time) => time <= seconds),
        0,
      );
    const bar = last(this.overview.times) * this.overview.group;
    await this.goTo({
      from: Math.max(bar - 4 * ROOM_BARS, 0),
      to: Math.min(bar + 4 * ROOM_BARS, this.overview.total),
    });
    this.frame.pick(last(this.frame.data.times), null);
  }

  showBetween([from, to]) {
    const { times, group, total } = this.overview;
    const [first, after] = [times.findIndex((time) => time >= from), times.findIndex((time) => time > to)];
    if (first < 0 || !(from < to)) return null;
    return this.goTo({ from: first * group, to: after < 0 ? total : after * group });
  }

  // Puts the visible range into the address, which the button then copies.
  keepRange() {
    const { times, group, first } = this.frame.data;
    const { from, to } = this.visible();
    const at = (bar) =>
      new Date(times[this.frame.within((bar - first) / group)] * 1000).toISOString().slice(0, this.intraday ? 16 : 10);
    const url = new URL(location.href);
    url.searchParams.set("range", `${at(from)}_${at(to - 1)}`);
    history.replaceState(history.state, "", url);
  }

  showLatest(days) {
    const { times, group, total } = this.overview;
    return this.goTo({ from: days ? firstOf(times, days) * group : 0, to: total }, true);
  }

  drawTrades() {
    const { data, drawn } = this.frame;
    const [{ series }] = drawn;
    if (this.lines.series !== series) series.attachPrimitive(this.lines);
    this.lines.show(data.trades, this.chosen);
    const hidden = data.trade_count > data.trades.length;
    this.say(hidden ? `${data.trade_count.toLocaleString("en")} trades in this range; zoom in to see them.` : "");
  }

  pick(point, place) {
    const { first, group, total } = this.frame.data;
    const [bar, stop] = [first + point * group, Math.min(first + (point + 1) * group, total)];
    const trade = place ? this.lines.nearest(place) : this.lines.filledFrom(bar, stop);
    if (trade) this.choose(trade);
    this.why?.explain(stop - 1);
  }

  choose(trade) {
    this.chosen = trade.trade_no;
    this.lines.show(this.frame.data.trades, this.chosen);
    const [price, money] = [this.overview.price_decimals, this.overview.money_decimals].map(priceFormat);
    fillCard(this.why.panel.querySelector(".trade-card"), trade, this.intraday, price, money);
    this.why.open();
    this.showRow();
  }

  explainVisible() {
    const { from, to } = this.visible();
    const { total } = this.overview;
    const first = Math.min(Math.max(Math.ceil(from), 0), total - 1);
    return this.why.explainStretch(first, Math.max(Math.min(Math.floor(to) + 1, total), first + 1));
  }

  onClick(event) {
    const link = event.target.closest("[data-trade]");
    const step = event.target.closest("[data-trade-step]");
    if (step) this.jump(this.chosen + Number(step.dataset.tradeStep));
    if (event.target.closest("[data-stretch]")) this.explainVisible();
    if (event.target.closest("[data-close-why]")) this.why.close();
    if (!link) return;
    event.preventDefault();
    this.element.scrollIntoView();
    this.frame.stage.focus({ preventScroll: true });
    this.jump(Number(link.dataset.trade), Date.parse(link.dataset.at) / 1000);
  }

  // Jumps to a trade by number; with too many trades for one response, by its time.
  async jump(number, seconds) {
    const find = (data) => data.trades.find((trade) => trade.trade_no === number);
    let trade = find(this.frame.data) ?? find(this.overview);
    if (!trade && seconds) {
      const after = this.overview.times.findIndex((time) => time > seconds);
      const bar = (after < 0 ? this.overview.times.length : after) * this.overview.group;
      await this.goTo({ from: Math.max(bar - 2 * this.overview.group, 0), to: Math.min(bar + 1, this.overview.total) });
      trade = find(this.frame.data);
    }
    if (!trade) return;
    const { entry_bar: entered, exit_bar: left } = trade;
    const room = Math.max(ROOM_BARS, left - entered);
    await this.goTo({ from: entered - room, to: left + room });
    this.choose(trade);
  }

  // Marks the row of the selected trade if the table shows it, and links to its page of the table.
  showRow() {
    for (const row of document.querySelectorAll("#trades tr[aria-current]")) row.removeAttribute("aria-current");
    if (this.chosen === null) return;
    document.querySelector(`[data-trade="${this.chosen}"]`)?.closest("tr").setAttribute("aria-current", "true");
    const link = this.why.panel.querySelector(".trade-card a");
    const there = new URL(link.href);
    there.searchParams.set("page", Math.floor(this.chosen / Number(link.dataset.pageSize)) + 1);
    link.href = there;
  }

  remove() {
    this.listening.abort();
    clearTimeout(this.timer);
    this.frame?.remove();
  }
}

// Levels of exit orders with their colours, in percent of the entry price, in the direction of the position.
function levelsOf({ stopLossPct, takeProfitPct }) {
  const levels = [];
  if (stopLossPct) levels.push([-Number(stopLossPct), "down"]);
  if (takeProfitPct) levels.push([Number(takeProfitPct), "up"]);
  return levels;
}
