"""The charts of a run as PNG for reports; nothing is kept between calls, nothing is written to disk."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np

from adapters.charts.candles import legible_candles
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
    line,
    number,
    panel,
    png,
    tag,
    time_axis,
    value_axis,
)
from adapters.metrics.curves import fills
from adapters.metrics.measured import Array
from adapters.prices.bars import PriceBars
from adapters.runs.run_bars import RunBars

VOLUME_TOP = 138  # pixels from the bottom; prices begin above
DASHED: Any = {"linewidth": 0.8, "linestyle": (0, (4, 4))}
# Matplotlib's carets, which touch the price with their tip instead of covering it
TIP_UP, TIP_DOWN = 6, 7
BUY, SELL = (TIP_UP, UP, "buy"), (TIP_DOWN, DOWN, "sell")


def render_charts(found: RunBars) -> dict[str, bytes]:
    """PNG of each chart, by its name in the contract; 1600 × 640 pixels, 10 to 30 KB each."""
    with matplotlib.rc_context(STYLE):
        return {name: png(draw(found)) for name, draw in CHARTS.items()}


def drawn(draw: Callable[[Axes, RunBars], str]) -> Callable[[RunBars], Figure]:
    """A chart of all bars by their dates; `draw` draws on its axes and says what is found there."""

    def figure_of(found: RunBars) -> Figure:
        figure, axes = chart(len(found.bars))
        finding = draw(axes, found)
        time_axis(axes, found.bars.timestamps)
        header(figure, found, finding)
        return figure

    return figure_of


@drawn
def equity_curve(axes: Axes, found: RunBars) -> str:
    """Equity against buying and holding."""
    start, end = found.run.capital, float(found.run.equity[-1])
    axes.axhline(start, color=MUTED, label="initial capital", **DASHED)
    line(axes, found.columns["holding"], MUTED, "buy and hold", 0.9)
    if "benchmark_equity" in found.columns:
        name = found.run.request["benchmark"]
        line(axes, found.columns["benchmark_equity"], TEXT, f"{name} held", 0.9)
    line(axes, found.run.equity, UP, "strategy")
    value_axis(axes, number)
    tag(axes, end, _money(end, found), UP)
    return f"Equity: {_money(start, found)} → {_money(end, found)} ({end / start - 1:+z,.1%})"


@drawn
def drawdown_curve(axes: Axes, found: RunBars) -> str:
    """How far equity is below its peak so far, drawn downwards, percent."""
    drawdown = -found.run.drawdown_pct
    worst = int(drawdown.argmin())
    deepest, day = drawdown[worst], found.bars.timestamps[worst].astype("M8[D]")
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
def portfolio_orders(axes: Axes, found: RunBars) -> str:
    """Fills on the closing price."""
    line(axes, found.bars.columns["Close"], MUTED, "close", 1.0)
    buys, sells, counts = _orders(found)
    _mark(axes, buys, *BUY)
    _mark(axes, sells, *SELL)
    _price_axis(axes, found)
    return f"Orders: {counts}"


@drawn
def trade_pnl(axes: Axes, found: RunBars) -> str:
    """Gain or loss of each trade, percent of what it cost, at the bar on which it ended."""
    trades = [
        (trade["exit_bar"], round(trade["pnl_pct"], 4), trade["is_open"])
        for trade in found.run.trades
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
def cumulative_return(axes: Axes, found: RunBars) -> str:
    """Return since the start against buying and holding; drawn as growth, so that it can stand on a log scale."""
    grown, held = (found.columns[name] / found.run.capital for name in ("equity", "holding"))
    axes.axhline(1, color=MUTED, **DASHED)
    x, below = line(axes, held, MUTED, "buy and hold", 0.9)
    _, growth = line(axes, grown, TEXT, "strategy")
    area: Any = {"interpolate": True, "alpha": 0.25, "linewidth": 0}
    axes.fill_between(x, growth, below, growth > below, color=UP, label="ahead", **area)
    axes.fill_between(x, growth, below, growth < below, color=DOWN, label="behind", **area)
    value_axis(axes, lambda factor: f"{(factor - 1) * 100:+z,.5g}%")
    tag(axes, grown[-1], f"{grown[-1] - 1:+z,.1%}", TEXT)
    ahead = (grown - held)[-1] * 100
    words = f"{abs(ahead):,.1f} points {'ahead of' if ahead >= 0 else 'behind'} buy and hold"
    return f"Cumulative return: {words}"


def candlestick(found: RunBars) -> Figure:
    """Candles, volume below them, and a mark at each candle that had orders: below it bought, above it sold."""
    candles, starts, period = legible_candles(found.bars)
    _, highs, lows, _, volume = candles.columns.values()
    has_volume, count = volume.any(), len(candles)
    figure, axes = chart(count, VOLUME_TOP if has_volume else BOTTOM)
    _draw_candles(axes, candles)
    buys, sells, counts = _orders(found)
    for orders, outside, mark in ((buys, lows, BUY), (sells, highs, SELL)):
        marked = np.unique(np.searchsorted(starts, orders[0], side="right") - 1)
        _mark(axes, np.stack((marked, outside[marked])), *mark)
    _price_axis(axes, found)
    time_axis(axes, candles.timestamps)
    if has_volume:
        axes.tick_params(labelbottom=False)
        below = panel(figure, count, BOTTOM, VOLUME_TOP - 8)
        below.bar(np.arange(count), volume, 0.7, color=MUTED, alpha=0.6, label="volume")
        below.set_yticks([volume.max()], [number(volume.max(), 3)])
        below.set_ylim(0)
        time_axis(below, candles.timestamps)
    each = f"{count:,} {period}" if period else "one per bar"
    header(figure, found, f"Candles, {each}: {counts}")
    return figure


def _draw_candles(axes: Axes, candles: PriceBars) -> None:
    """Wicks and bodies: blue and hollow where the close is not below the open, else orange and filled."""
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
    """Marks, smaller where there are many, with a white rim that keeps them apart where they overlap."""
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


def _price_axis(axes: Axes, found: RunBars) -> None:
    close = float(found.bars.columns["Close"][-1])
    value_axis(axes, number)
    tag(axes, close, f"{close:,.2f}" if close >= 1 else f"{close:.4g}", MUTED)


def _orders(found: RunBars) -> tuple[Array, Array, str]:
    """Buys and sells, each (2, fills), bars and prices: each trade's entry, and its exit if it ended; how many."""
    entries_first = sorted(fills(found.run.trades), key=lambda fill: fill.reason is not None)
    filled = [(fill.bar, fill.price, fill.shares) for fill in entries_first]
    points = np.array(filled, dtype=float).reshape(-1, 3).T
    buys, sells = points[:2, points[2] > 0], points[:2, points[2] < 0]
    return buys, sells, f"{buys.shape[1]:,} bought, {sells.shape[1]:,} sold"


def _money(amount: float, found: RunBars) -> str:
    return number(round(amount, 0 if abs(amount) >= 100 else found.run.money_decimals))


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
