// Equity of several runs in percent of their initial capital, and their drawdowns below.
import { percent } from "./library.js";
import { compactPercent, drawdown } from "./panes.js";
import { line } from "./series.js";

const STYLES = [0, 2, 0, 1, 3];

export function readCurves({ curves, benchmarks }) {
  const data = aligned(curves, benchmarks);
  return { data, panes: panesOf(curves, benchmarks), spread: spread([...data.growth, ...data.benchmarks].flat()) };
}

function spread(values) {
  const numbers = values.filter((value) => value !== null);
  return (
    numbers.reduce((most, value) => Math.max(most, value)) / numbers.reduce((least, value) => Math.min(least, value))
  );
}

function panesOf(curves, benchmarks) {
  const look = (at) => ({ options: { lineStyle: STYLES[at % STYLES.length], lineWidth: curves.length > 5 ? 1 : 2 } });
  const each = (make) => curves.map((_, at) => make(`${at + 1}`, `c${(at % 5) + 1}`, at));
  const growth = each((name, colour, at) =>
    line(name, colour, (data) => data.growth[at], percent, { axis: compactPercent, ...look(at) }),
  );
  const depth = each((name, colour, at) => ({
    ...drawdown(name, colour, (data) => data.depth[at], "line"),
    options: { ...look(at).options, lastValueVisible: false },
  }));
  const benchmarkLines = benchmarks.map(({ name }, at) =>
    line(`${name} buy & hold`, "holding", (data) => data.benchmarks[at], percent, { options: { lineStyle: 1 } }),
  );
  return [
    { id: "growth", name: "Equity", height: 340, log: true, series: [...growth, ...benchmarkLines] },
    { id: "depth", name: "Drawdown", title: "Drawdown", height: 170, series: depth },
  ];
}

// All curves on their joint times; each keeps its last value until the next one, and is empty outside its range.
function aligned(curves, benchmarks) {
  const times = [...new Set(curves.flatMap((curve) => curve.time))].sort((one, other) => one - other);
  const spread = (name, all = curves) => all.map((each) => onto(times, each.time, each[name]));
  return {
    times,
    total: times.length,
    growth: spread("growth_pct"),
    benchmarks: spread("growth_pct", benchmarks),
    depth: spread("drawdown_pct"),
  };
}

function onto(times, sourceTimes, values) {
  let at = -1;
  return times.map((time) => {
    while (at + 1 < sourceTimes.length && sourceTimes[at + 1] <= time) at += 1;
    return at < 0 || time > sourceTimes.at(-1) ? null : values[at];
  });
}
