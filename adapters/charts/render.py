"""PNG charts of a run for reports; without state between calls, and without files."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np

from adapters.charts.frame import (
    BOTTOM,
    DOWN,
    MUTED,
    STYLE,
    TEXT,
    UP,
    Axes,
    Figure,
    chart,
    header,
    legible_candles,
    line,
    number,
    panel,
    png,
    tag,
    time_axis,
    value_axis,
)
from adapters.metrics.curves import fills
from adapters.metrics.moments import Array
from adapters.prices.bars import PriceBars
from adapters.runs.series import RunBars

VOLUME_TOP = 138  # pixels from the bottom; prices begin above
DASHED: Any = {"linewidth": 0.8, "linestyle": (0, (4, 4))}
# Matplotlib's carets: their tip touches the price and does not cover it
TIP_UP, TIP_DOWN = 6, 7
BUY, SELL = (TIP_UP, UP, "buy"), (TIP_DOWN, DOWN, "sell")


def render_charts(data: RunBars) -> dict[str, bytes]:
    """Render each chart as PNG, by its name in the contract; 1600 × 640 pixels, 10 to 30 KB each."""
    with matplotlib.rc_context(STYLE):
        return {name: png(draw(data)) for name, draw in CHARTS.items()}


def drawn(draw: Callable[[Axes, RunBars], str]) -> Callable[[RunBars], Figure]:
    """Make a chart of all bars by their dates; `draw` draws on its axes and returns the finding for its title."""

    def figure_of(data: RunBars) -> Figure:
        figure, axes = chart(len(data.bars))
        finding = draw(axes, data)
        time_axis(axes, data.bars.timestamps)
        header(figure, data, finding)
        return figure

    return figure_of


@drawn
def equity_curve(axes: Axes, data: RunBars) -> str:
    """Draw equity, and buying and holding."""
    start, end = data.run.capital, float(data.run.equity[-1])
    axes.axhline(start, color=MUTED, label="initial capital", **DASHED)
    line(axes, data.columns["holding"], MUTED, "buy and hold", 0.9)
    if "benchmark_equity" in data.columns:
        name = data.run.request["benchmark"]
        line(axes, data.columns["benchmark_equity"], TEXT, f"{name} buy and hold", 0.9)
    line(axes, data.run.equity, UP, "strategy")
    value_axis(axes, number)
    tag(axes, end, _money(end, data), UP)
    return f"Equity: {_money(start, data)} → {_money(end, data)} ({end / start - 1:+z,.1%})"


@drawn
def drawdown_curve(axes: Axes, data: RunBars) -> str:
    """Draw the distance of equity below its running peak, downwards, in percent."""
    drawdown = -data.run.drawdown_pct
    worst = int(drawdown.argmin())
    deepest, day = drawdown[worst], data.bars.timestamps[worst].astype("M8[D]")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.fill_between(
        *line(axes, drawdown, DOWN, "below the highest equity so far"),
        color=DOWN,
        alpha=0.2,
        linewidth=0,
    )
    if deepest < 0:
        _mark(axes, np.array([[worst], [deepest]]), TIP_UP, TEXT, "deepest")
    value_axis(axes, _percent)
    tag(axes, drawdown[-1], f"{drawdown[-1]:z.1f}%", DOWN)
    return f"Drawdown: deepest {-deepest:.1f}% on {day}" if deepest < 0 else "Drawdown: none"


@drawn
def portfolio_orders(axes: Axes, data: RunBars) -> str:
    """Draw fills on the closing price."""
    line(axes, data.bars.columns["Close"], MUTED, "close", 1.0)
    buys, sells, counts = _orders(data)
    _mark(axes, buys, *BUY)
    _mark(axes, sells, *SELL)
    _price_axis(axes, data)
    return f"Orders: {counts}"


@drawn
def trade_pnl(axes: Axes, data: RunBars) -> str:
    """Draw the gain or loss of each trade, in percent of its cost, at the bar on which it ended."""
    trades = [
        (trade["exit_bar"], round(trade["pnl_pct"], 4), trade["is_open"])
        for trade in data.run.trades
    ]
    points = np.array(trades, dtype=float).reshape(-1, 3).T
    bars, pnl_pct, is_open = points
    closed = is_open == 0
    ended = pnl_pct[closed]
    axes.axhline(0, color=MUTED, linewidth=0.8)
    for side, shape, color, label in (
        (pnl_pct > 0, "^", UP, "won"),
        (pnl_pct <= 0, "v", DOWN, "lost"),
    ):
        axes.vlines(bars[side], 0, pnl_pct[side], color=color, linewidth=0.7, alpha=0.5)
        _mark(axes, points[:2, side & closed], shape, color, label)
    hollow = points[:2, ~closed]
    _mark(axes, hollow, "D", TEXT, "still open", markerfacecolor="white", markeredgecolor=TEXT)
    if len(ended):
        axes.axhline(ended.mean(), color=TEXT, label="average", **DASHED)
        won = f"{(ended > 0).sum():,} of {len(ended):,} closed won"
        finding = f"{won}, average {ended.mean():+z.2f}%"
    else:
        finding = f"the only trade is still open, at {pnl_pct.sum():+z.2f}%"
    value_axis(axes, _percent)
    return f"Trade P&L: {finding}"


@drawn
def cumulative_return(axes: Axes, data: RunBars) -> str:
    """Draw the return since the start, and that of buying and holding, as growth so that a log scale fits."""
    strategy, holding = (data.columns[name] / data.run.capital for name in ("equity", "holding"))
    axes.axhline(1, color=MUTED, **DASHED)
    x, below = line(axes, holding, MUTED, "buy and hold", 0.9)
    _, growth = line(axes, strategy, TEXT, "strategy")
    area: Any = {"interpolate": True, "alpha": 0.25, "linewidth": 0}
    axes.fill_between(x, growth, below, growth > below, color=UP, label="ahead", **area)
    axes.fill_between(x, growth, below, growth < below, color=DOWN, label="behind", **area)
    value_axis(axes, lambda factor: f"{(factor - 1) * 100:+z,.5g}%")
    tag(axes, strategy[-1], f"{strategy[-1] - 1:+z,.1%}", TEXT)
    ahead = (strategy - holding)[-1] * 100
    words = f"{abs(ahead):,.1f} points {'ahead of' if ahead >= 0 else 'behind'} buy and hold"
    return f"Cumulative return: {words}"


def candlestick(data: RunBars) -> Figure:
    """Draw candles, the volume below, and a mark at each candle with orders: below for a buy, above for a sale."""
    candles, starts, period = legible_candles(data.bars)
    _, highs, lows, _, volume = candles.columns.values()
    has_volume, count = volume.any(), len(candles)
    figure, axes = chart(count, VOLUME_TOP if has_volume else BOTTOM)
    _draw_candles(axes, candles)
    buys, sells, counts = _orders(data)
    for orders, outside, mark in ((buys, lows, BUY), (sells, highs, SELL)):
        marked = np.unique(np.searchsorted(starts, orders[0], side="right") - 1)
        _mark(axes, np.stack((marked, outside[marked])), *mark)
    _price_axis(axes, data)
    time_axis(axes, candles.timestamps)
    if has_volume:
        axes.tick_params(labelbottom=False)
        below = panel(figure, count, BOTTOM, VOLUME_TOP - 8)
        below.bar(np.arange(count), volume, 0.7, color=MUTED, alpha=0.6, label="volume")
        below.set_yticks([volume.max()], [number(volume.max(), 3)])
        below.set_ylim(0)
        time_axis(below, candles.timestamps)
    each = f"{count:,} {period}" if period else "one per bar"
    header(figure, data, f"Candles, {each}: {counts}")
    return figure


def _draw_candles(axes: Axes, candles: PriceBars) -> None:
    """Draw wicks and bodies: blue and hollow where the close is not below the open, else orange and filled."""
    x = np.arange(len(candles))
    opens, highs, lows, closes, _ = candles.columns.values()
    rising = closes >= opens
    for side, color, face, label in ((rising, UP, "white", "up"), (~rising, DOWN, DOWN, "down")):
        opened, change = opens[side], (closes - opens)[side]
        axes.vlines(x[side], lows[side], highs[side], color=color, linewidth=0.7)
        axes.bar(
            x[side],
            change,
            0.7,
            opened,
            facecolor=face,
            edgecolor=color,
            linewidth=0.6,
            label=label,
        )


def _mark(axes: Axes, points: Array, shape: Any, color: str, label: str, **style: Any) -> None:
    """Draw marks, smaller where there are many, with a white rim that separates overlapping ones."""
    size_pt = float(np.interp(points.shape[1], [40, 400], [6.0, 3.5]))
    style = {"color": color, "markeredgecolor": "white"} | style
    axes.plot(
        *points,
        linestyle="none",
        marker=shape,
        markersize=size_pt,
        label=label,
        clip_on=False,
        **style,
    )


def _price_axis(axes: Axes, data: RunBars) -> None:
    close = float(data.bars.columns["Close"][-1])
    value_axis(axes, number)
    tag(axes, close, f"{close:,.2f}" if close >= 1 else f"{close:.4g}", MUTED)


def _orders(data: RunBars) -> tuple[Array, Array, str]:
    """Return buys and sells, each (2, fills), bars and prices, of all entries and exits; and their counts in words."""
    entries_first = sorted(fills(data.run.trades), key=lambda fill: fill.reason is not None)
    filled = [(fill.bar, fill.price, fill.shares) for fill in entries_first]
    points = np.array(filled, dtype=float).reshape(-1, 3).T
    buys, sells = points[:2, points[2] > 0], points[:2, points[2] < 0]
    return buys, sells, f"{buys.shape[1]:,} bought, {sells.shape[1]:,} sold"


def _money(amount: float, data: RunBars) -> str:
    return number(round(amount, 0 if abs(amount) >= 100 else data.run.money_decimals))


def _percent(value: float) -> str:
    return f"{value:z,.4g}%"


CHARTS: dict[str, Callable[[RunBars], Figure]] = {
    "equity_curve": equity_curve,
    "drawdown_curve": drawdown_curve,
    "portfolio_orders": portfolio_orders,
    "trade_pnl": trade_pnl,
    "cumulative_return": cumulative_return,
    "candlestick": candlestick,
}
