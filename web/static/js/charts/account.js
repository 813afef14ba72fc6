// The account of a portfolio: equity compared with holding the same assets, drawdown, invested share, positions.
import { percent, whole } from "./library.js";
import { compactPercent, drawdown, moneyLine } from "./panes.js";
import { line } from "./series.js";

export function readAccount(body) {
  const data = { ...body, times: body.time, total: body.time.length };
  const spread = Math.max(...body.equity) / Math.min(...body.equity.filter((value) => value > 0));
  return { data, panes: panesOf(body), spread };
}

function panesOf({ benchmark, money_decimals: digits }) {
  const dashed = (name, colour, lineStyle, values) =>
    moneyLine(name, colour, values, digits, { options: { lineStyle } });
  const comparisons = [dashed("Equal-weight buy & hold", "holding", 2, (data) => data.held_equally)];
  if (benchmark) comparisons.push(dashed(`${benchmark.name} buy & hold`, "c5", 1, (data) => data.benchmark.equity));
  const equity = moneyLine("Equity", "strategy", (data) => data.equity, digits, { kind: "area" });
  const invested = line("Invested", "c1", (data) => data.invested_pct, percent, { kind: "area", axis: compactPercent });
  const positions = line("Positions", "c2", (data) => data.positions, whole, { options: { lineType: 1 } }); // in steps
  return [
    { id: "equity", name: "Equity", height: 300, log: true, series: [...comparisons, equity] },
    {
      id: "drawdown",
      name: "Drawdown",
      height: 110,
      series: [drawdown("Drawdown", "down", (data) => data.drawdown_pct)],
    },
    { id: "invested", name: "Invested", height: 110, series: [invested] },
    { id: "positions", name: "Positions", height: 110, series: [positions] },
  ];
}
