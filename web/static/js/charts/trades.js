// Trades on the candles: an arrow whose tip is the price of each fill, a line from entry to exit coloured by
// the outcome, the levels of stop and target while the position was open; and the card of one trade.
import { make } from "../elements.js";
import { amount, number, percent, signed, whole } from "./library.js";

const REACH_PX = 14;
const ARROW_PX = 10;
const CROWD_PX = 12; // closer arrows of one direction are merged

export function outcome(trade) {
  return trade.is_open ? "muted" : trade.pnl_abs > 0 ? "up" : "down";
}

// A primitive of the library, drawn on the pane of the series that it is attached to.
export class TradeLines {
  constructor(frame, levelsPct) {
    Object.assign(this, { frame, levelsPct, trades: [], chosen: null });
    const renderer = { draw: (target) => target.useMediaCoordinateSpace(({ context }) => this.draw(context)) };
    this.views = [{ renderer: () => renderer }];
  }

  attached({ series, requestUpdate }) {
    Object.assign(this, { series, requestUpdate });
  }

  paneViews() {
    return this.views;
  }

  show(trades, chosen) {
    Object.assign(this, { trades, chosen });
    this.requestUpdate?.();
  }

  placed(bar, value) {
    const { first, group } = this.frame.data;
    const x = this.frame.chart.timeScale().logicalToCoordinate(Math.floor((bar - first) / group));
    return [x, this.series.priceToCoordinate(value)];
  }

  // Up for purchases, down for sales; fills on one bar in one direction share an arrow.
  fills() {
    return this.trades.flatMap((trade) => {
      const entered = { trade, up: trade.side === "BUY", at: this.placed(trade.entry_bar, trade.entry_price) };
      const left = { trade, up: trade.side !== "BUY", at: this.placed(trade.exit_bar, trade.exit_price) };
      return trade.is_open ? [entered] : [entered, left];
    });
  }

  // Overlapping arrows of one direction become one, at the outermost price, with their number.
  arrows() {
    const width = this.frame.chart.timeScale().width();
    const arrows = [];
    for (const fill of this.fills().sort((one, other) => one.at[0] - other.at[0])) {
      const [x, y] = fill.at;
      if (x < 0 || x > width) continue;
      const last = arrows.findLast(({ up }) => up === fill.up);
      if (last && x - last.from < CROWD_PX) {
        last.fills.push(fill);
        last.at = [(last.from + x) / 2, (fill.up ? Math.max : Math.min)(last.at[1], y)];
      } else arrows.push({ up: fill.up, at: [x, y], from: x, fills: [fill] });
    }
    return arrows;
  }

  draw(context) {
    this.drawTrades(context);
    const { colours } = this.frame;
    Object.assign(context, {
      font: "14px sans-serif",
      textAlign: "center",
      textBaseline: "middle",
      lineWidth: 2,
      strokeStyle: colours.panel,
    });
    for (const {
      up,
      at: [x, y],
      fills,
    } of this.arrows()) {
      const base = y + (up ? ARROW_PX : -ARROW_PX);
      context.fillStyle = colours[up ? "up" : "down"];
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x - ARROW_PX / 2, base);
      context.lineTo(x + ARROW_PX / 2, base);
      context.closePath();
      context.stroke(); // outline in the background colour, visible among dense candles
      context.fill();
      if (fills.length > 1) {
        context.strokeText(fills.length, x, base + (up ? 9 : -9));
        context.fillText(fills.length, x, base + (up ? 9 : -9));
      }
    }
  }

  drawTrades(context) {
    for (const trade of this.trades) {
      const [left, top] = this.placed(trade.entry_bar, trade.entry_price);
      const [right, bottom] = this.placed(trade.exit_bar, trade.exit_price);
      context.strokeStyle = this.frame.colours[outcome(trade)];
      context.lineWidth = trade.trade_no === this.chosen ? 4 : 1.5;
      context.setLineDash([]);
      stroke(context, left, top, right, bottom);
      context.setLineDash([3, 3]);
      context.lineWidth = 1;
      for (const [pct, colour] of this.levelsPct) {
        const level = trade.entry_price * (1 + ((trade.side === "BUY" ? 1 : -1) * pct) / 100);
        const y = this.series.priceToCoordinate(level);
        context.strokeStyle = this.frame.colours[colour];
        stroke(context, left, y, Math.max(right, left + 1), y);
      }
    }
    context.setLineDash([]);
  }

  // The trade with the last fill on these bars.
  filledFrom(first, stop) {
    const on = (bar) => bar >= first && bar < stop;
    return this.trades.findLast((trade) => on(trade.entry_bar) || (on(trade.exit_bar) && !trade.is_open));
  }

  // The trade whose arrow is near a point; for a merged arrow, the last trade.
  nearest({ x, y }) {
    const away = ({ up, at: [left, top] }) => Math.hypot(left - x, top + (up ? ARROW_PX : -ARROW_PX) / 2 - y);
    const nearest = this.arrows().sort((one, other) => away(one) - away(other))[0];
    return nearest && away(nearest) <= REACH_PX ? nearest.fills.at(-1).trade : null;
  }
}

function stroke(context, left, top, right, bottom) {
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(right, bottom);
  context.stroke();
}

// Facts of one trade for its card, as pairs.
function facts(trade, intraday, price, money) {
  const when = (stamp) => stamp.slice(0, intraday ? 16 : 10).replace("T", " ");
  const excursions =
    trade.mae_pct === undefined
      ? []
      : [["Max loss / max gain while open", `${percent(trade.mae_pct)} / ${percent(trade.mfe_pct)}`]];
  return [
    ["Entry", `${when(trade.entry_timestamp)} at ${price(trade.entry_price)}`],
    ["Exit", trade.is_open ? "still open" : `${when(trade.exit_timestamp)} at ${price(trade.exit_price)}`],
    ["Exit reason", trade.is_open ? "—" : trade.exit_reason.replaceAll("_", " ")],
    ["Profit", `${signed(trade.pnl_abs, money)} (${signed(trade.pnl_pct)}%)`],
    ["Size", amount(trade.size)],
    ["Holding period", `${(intraday ? number : whole)(trade.holding_period)} days`],
    ["Fees", money(trade.entry_fees + trade.exit_fees)],
    ...excursions,
  ];
}

export function fillCard(card, trade, intraday, price, money) {
  card.querySelector("h3").textContent = `Trade ${trade.trade_no + 1}, ${trade.side === "BUY" ? "long" : "short"}`;
  const pairs = facts(trade, intraday, price, money).flatMap(([name, value]) => [
    make("dt", {}, name),
    make("dd", {}, value),
  ]);
  card.querySelector("dl").replaceChildren(...pairs);
  card.hidden = false;
}
