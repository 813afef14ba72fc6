// The panes of the chart of a run, or of prices alone, from the columns that the server sent.
import { amount, compact, moneyAxis, number, percent, priceFormat, whole } from "./library.js";
import { line, named, pointsOf } from "./series.js";
import { outcome } from "./trades.js";

export const compactPercent = (value) => `${compact(value)}%`;

const LINE_COLOURS = 5;

const PRICE_DIGITS = 5; // significant digits of prices below 10

const candles = (price, decimals) => ({
  kind: "candles",
  name: "",
  colour: "muted",
  axis: priceFormat(decimals),
  minMove: 10 ** -decimals,
  margins: { top: 0.12, bottom: 0.06 },
  points: ({ times, open, high, low, close }) =>
    times.map((time, at) => ({ time, open: open[at], high: high[at], low: low[at], close: close[at] })),
  level: ({ close }, at) => close[at],
  legend: ({ open: O, high: H, low: L, close: C, position }, at) => {
    const prices = Object.entries({ O, H, L, C }).map(([name, values]) => named(name, price(values[at])));
    return `${prices.join(" ")}${position ? ` · ${holds(position[at])}` : ""}`;
  },
});

const volume = {
  kind: "columns",
  name: "Volume",
  colour: "muted",
  axis: compact,
  options: { lastValueVisible: false },
  points: ({ times, open, close, volume: sold }, colours) =>
    times.map((time, at) => ({
      time,
      value: sold[at],
      color: `${close[at] >= open[at] ? colours.up : colours.down}40`,
    })),
  legend: ({ volume: sold }, at) => named("Volume", whole(sold[at])),
};

function holds(shares) {
  return shares ? `${shares > 0 ? "long" : "short"} ${amount(Math.abs(shares))}` : "no position";
}

function ruleLine(each, at, format = number) {
  const colour = `c${(at % LINE_COLOURS) + 1}`;
  const more = {
    levels: each.levels,
    options: { lineWidth: 1, lineStyle: at % 2 ? 2 : 0, lastValueVisible: each.pane !== "price" },
  };
  return (index) => line(each.name, colour, (data) => data.lines[index].values, format, more);
}

// The rule's indicator lines: on the price, or in a pane for each group.
function rulePanes(lines) {
  const groups = new Map();
  lines.forEach((each, index) => {
    if (each.pane === "price") return;
    const series = groups.get(each.group) ?? [];
    groups.set(each.group, [...series, ruleLine(each, series.length)(index)]);
  });
  return [...groups].map(([group, series]) => ({ id: `rule ${group}`, name: group, height: 130, series }));
}

function priceLines(lines, price) {
  const on = lines.map((each, index) => [each, index]).filter(([each]) => each.pane === "price");
  return on.map(([each, index], at) => ruleLine(each, at, price)(index));
}

const returns = {
  kind: "columns",
  name: "Trade return",
  colour: "muted",
  axis: compactPercent,
  options: { lastValueVisible: false },
  points: ({ times, closed }, colours) =>
    pointsOf(
      times,
      closed.map((trade) => trade?.pnl_pct ?? null),
    ).map((point, at) => (closed[at] ? { ...point, color: colours[outcome(closed[at])] } : point)),
  legend: ({ closed }, at) => named("Trade return", closed[at] ? percent(closed[at].pnl_pct) : "—"),
};

export const moneyLine = (name, colour, values, digits, more) =>
  line(name, colour, values, priceFormat(digits), { ...moneyAxis(digits), ...more });

const account = (benchmark, before, digits) => [
  {
    id: "equity",
    name: "Equity",
    height: 160,
    log: true,
    series: [
      moneyLine("Buy & hold", "holding", (data) => data.holding, digits, { options: { lineStyle: 2 } }),
      ...(benchmark
        ? [
            moneyLine(`${benchmark} buy & hold`, "c5", (data) => data.benchmark_equity, digits, {
              options: { lineStyle: 1 },
            }),
          ]
        : []),
      ...(before
        ? [moneyLine("Previous run", "c4", (data) => data.before, digits, { options: { lineStyle: 0 } })]
        : []),
      moneyLine("Equity", "strategy", (data) => data.equity, digits, { kind: "area" }),
    ],
  },
  {
    id: "drawdown",
    name: "Drawdown",
    height: 110,
    series: [drawdown("Drawdown", "down", (data) => data.drawdown_pct)],
  },
  {
    id: "sharpe",
    name: "Rolling Sharpe",
    height: 110,
    series: [line("Rolling Sharpe ratio", "strategy", (data) => data.rolling_sharpe, number, { levels: [0] })],
  },
  { id: "returns", name: "Trade returns", height: 110, series: [returns] },
];

// Percent below the highest value so far, drawn downwards.
export function drawdown(name, colour, values, kind = "below") {
  const below = (data) => values(data).map((depth) => (depth === null ? null : -depth));
  return {
    ...line(name, colour, below, percent, { kind, axis: compactPercent }),
    legend: (data, at) => named(name, percent(below(data)[at])),
  };
}

const trailingStop = (price) =>
  line("Trailing stop", "down", (data) => data.trailing_stop, price, {
    options: { lineWidth: 1, lineStyle: 2, lineType: 1, lastValueVisible: false }, // in steps
  });

export function panesOf({
  lines,
  high,
  volume: amounts,
  equity,
  benchmark,
  before,
  trailing_stop: stops,
  price_decimals: most,
  money_decimals: digits,
}) {
  // two for 56.14, although adjusted prices are stored with six; five digits below 10, as of exchange rates
  const magnitude = Math.floor(Math.log10(Math.max(...high)));
  const decimals = Math.min(magnitude > 0 ? 2 : PRICE_DIGITS - 1 - magnitude, most);
  const price = priceFormat(decimals);
  const series = [candles(price, decimals), ...(stops ? [trailingStop(price)] : []), ...priceLines(lines, price)];
  const prices = { id: "price", name: "Price", height: 340, log: true, series };
  const sold = amounts.some((amount) => amount > 0)
    ? [{ id: "volume", name: "Volume", height: 70, series: [volume] }]
    : [];
  return [prices, ...sold, ...rulePanes(lines), ...(equity ? account(benchmark, before, digits) : [])];
}
