"""The charts of a run as PNG for reports; nothing is kept between calls, nothing is written to disk."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np

from adapters.charts.candles import legible_candles
from adapters.charts.data import ChartData, Numbers
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
from adapters.metrics.curves import drawdowns
from adapters.prices.bars import Bars

VOLUME_TOP = 138  # pixels from the bottom; prices begin above
DASHED: Any = {"linewidth": 0.8, "linestyle": (0, (4, 4))}
# Matplotlib's carets, which touch the price with their tip instead of covering it
TIP_UP, TIP_DOWN = 6, 7


def render_charts(data: ChartData) -> dict[str, bytes]:
    """PNG of each chart, by its name in the contract; 1600 × 640 pixels, 10 to 30 KB each."""
    with matplotlib.rc_context(STYLE):
        return {name: png(draw(data)) for name, draw in CHARTS.items()}


def drawn(draw: Callable[[Axes, ChartData], str]) -> Callable[[ChartData], Figure]:
    """A chart of all bars by their dates; `draw` draws on its axes and says what is found there."""

    def figure_of(data: ChartData) -> Figure:
        figure, axes = chart(len(data.close))
        finding = draw(axes, data)
        time_axis(axes, data.bars.timestamps)
        header(figure, data, finding)
        return figure

    return figure_of


@drawn
def equity_curve(axes: Axes, data: ChartData) -> str:
    """Equity against buying and holding."""
    start, end = data.initial_capital, float(data.equity[-1])
    axes.axhline(start, color=MUTED, label="initial capital", **DASHED)
    line(axes, data.buy_hold_equity, MUTED, "buy and hold", 0.9)
    if data.benchmark_equity is not None:
        line(axes, data.benchmark_equity, TEXT, f"{data.benchmark} held", 0.9)
    line(axes, data.equity, UP, "strategy")
    value_axis(axes, number)
    tag(axes, end, _money(end), UP)
    return f"Equity: {_money(start)} → {_money(end)} ({end / start - 1:+,.1%})"


@drawn
def drawdown_curve(axes: Axes, data: ChartData) -> str:
    """How far equity is below its peak so far, drawn downwards, percent."""
    drawdown = -drawdowns(np.append(data.initial_capital, data.equity))[1:] * 100
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
    tag(axes, drawdown[-1], f"{drawdown[-1]:.1f}%", DOWN)
    return f"Drawdown: deepest {-deepest:.1f}% on {day}" if deepest < 0 else "Drawdown: none"


@drawn
def portfolio_orders(axes: Axes, data: ChartData) -> str:
    """Fills on the closing price."""
    line(axes, data.close, MUTED, "close", 1.0)
    buys, sells = data.orders()
    _mark(axes, buys, TIP_UP, UP, "buy")
    _mark(axes, sells, TIP_DOWN, DOWN, "sell")
    _price_axis(axes, data)
    return f"Orders: {_order_counts(data)}"


@drawn
def trade_pnl(axes: Axes, data: ChartData) -> str:
    """Gain or loss of each trade, percent of what it cost, at the bar on which it ended."""
    pnl_pct = np.array([trade["pnl_pct"] for trade in data.trades], dtype=float)
    bars = np.array([left for _, left in data.fill_bars], dtype=float)
    points = np.stack((bars, pnl_pct))
    closed = np.array([not trade["is_open"] for trade in data.trades], dtype=bool)
    ended = pnl_pct[closed]
    axes.axhline(0, color=MUTED, linewidth=0.8)
    for won, shape, color, label in (
        (pnl_pct > 0, "^", UP, "won"),
        (pnl_pct <= 0, "v", DOWN, "lost"),
    ):
        axes.vlines(bars[won], 0, pnl_pct[won], color=color, linewidth=0.7, alpha=0.5)
        _mark(axes, points[:, won & closed], shape, color, label)
    _mark(
        axes,
        points[:, ~closed],
        "D",
        TEXT,
        "still open",
        markerfacecolor="white",
        markeredgecolor=TEXT,
    )
    if len(ended):
        axes.axhline(ended.mean(), color=TEXT, label="average", **DASHED)
        finding = (
            f"{(ended > 0).sum():,} of {len(ended):,} closed won, average {ended.mean():+.2f}%"
        )
    else:
        finding = f"the only trade is still open, at {pnl_pct.sum():+.2f}%"
    value_axis(axes, _percent)
    return f"Trade P&L: {finding}"


@drawn
def cumulative_return(axes: Axes, data: ChartData) -> str:
    """Return since the start against buying and holding; drawn as growth, so that it can stand on a log scale."""
    axes.axhline(1, color=MUTED, **DASHED)
    x, held = line(axes, data.buy_hold_equity / data.initial_capital, MUTED, "buy and hold", 0.9)
    _, growth = line(axes, data.equity / data.initial_capital, TEXT, "strategy")
    area: Any = {"interpolate": True, "alpha": 0.25, "linewidth": 0}
    axes.fill_between(x, growth, held, growth > held, color=UP, label="ahead", **area)
    axes.fill_between(x, growth, held, growth < held, color=DOWN, label="behind", **area)
    value_axis(axes, lambda factor: f"{(factor - 1) * 100:+,.5g}%")
    end, ahead = (
        data.equity[-1],
        (data.equity - data.buy_hold_equity)[-1] / data.initial_capital * 100,
    )
    tag(axes, end / data.initial_capital, f"{end / data.initial_capital - 1:+,.1%}", TEXT)
    words = f"{abs(ahead):,.1f} points {'ahead of' if ahead >= 0 else 'behind'} buy and hold"
    return f"Cumulative return: {words}"


def candlestick(data: ChartData) -> Figure:
    """Candles, volume below them, and a mark at each candle that had orders: below it bought, above it sold."""
    candles, starts, period = legible_candles(data.bars)
    _, highs, lows, _, volume = candles.columns.values()
    has_volume, count = volume.any(), len(candles)
    figure, axes = chart(count, VOLUME_TOP if has_volume else BOTTOM)
    _draw_candles(axes, candles)
    for orders, outside, shape, color, label in zip(
        data.orders(), (lows, highs), (TIP_UP, TIP_DOWN), (UP, DOWN), ("buy", "sell"), strict=True
    ):
        marked = np.unique(np.searchsorted(starts, orders[0], side="right") - 1)
        _mark(axes, np.stack((marked, outside[marked])), shape, color, label)
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
    header(figure, data, f"Candles, {each}: {_order_counts(data)}")
    return figure


def _draw_candles(axes: Axes, candles: Bars) -> None:
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


def _mark(axes: Axes, points: Numbers, shape: Any, color: str, label: str, **style: Any) -> None:
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


def _price_axis(axes: Axes, data: ChartData) -> None:
    close = float(data.close[-1])
    value_axis(axes, number)
    tag(axes, close, f"{close:,.2f}" if close >= 1 else f"{close:.4g}", MUTED)


def _order_counts(data: ChartData) -> str:
    buys, sells = data.orders()
    return f"{buys.shape[1]:,} bought, {sells.shape[1]:,} sold"


def _money(amount: float) -> str:
    return number(round(amount, 0 if abs(amount) >= 100 else 2))


def _percent(value: float) -> str:
    return f"{value:,.4g}%"


CHARTS: dict[str, Callable[[ChartData], Figure]] = {
    "equity_curve": equity_curve,
    "drawdown_curve": drawdown_curve,
    "portfolio_orders": portfolio_orders,
    "trade_pnl": trade_pnl,
    "cumulative_return": cumulative_return,
    "candlestick": candlestick,
}
