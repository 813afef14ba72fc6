"""The six charts of a run as PNG for a dark page; nothing is kept between calls, nothing is written to disk."""

from collections.abc import Callable

import numpy as np

from adapters.charts.candles import Candles, legible_candles
from adapters.charts.canvas import AMBER, AXIS, BRIGHT, DOWN, MUTED, TEXT, UP, Canvas, Panel
from adapters.charts.data import ChartData, Numbers, Orders
from adapters.charts.frame import BOTTOM, LEFT, RIGHT, Tag, legend, notice, titled_canvas, value_panel
from adapters.charts.scales import short_number

VOLUME_TOP = 138.0  # pixels from the bottom; prices begin above
DASHED = (0, (4, 4))
TIP_UP, TIP_DOWN = 6, 7  # Matplotlib's carets, which touch the price with their tip instead of covering it
NO_TRADES = "no trades"


def render_charts(data: ChartData) -> dict[str, bytes]:
    """PNG of each chart, by its name in the contract; 1600 × 640 pixels, 20 to 50 KB each."""
    return {name: draw(data).png() for name, draw in CHARTS.items()}


def equity_curve(data: ChartData) -> Canvas:
    """Equity against buying and holding."""
    start, end = data.initial_capital, float(data.equity[-1])
    finding = f"{_money(start)} → {_money(end)} ({end / start - 1:+,.1%})" if data.trades else NO_TRADES
    canvas = titled_canvas("EQUITY", data.heading, finding, _color(data, end - start))
    series = (data.equity, data.buy_hold_equity, np.array([start]))
    panel = value_panel(canvas, data.timestamps, series, Tag(end, _money(end), AMBER))
    panel.level(start, MUTED, 0.7, linestyle=DASHED)
    panel.line(data.buy_hold_equity, MUTED, 0.9)
    panel.area(data.equity, panel.low, AMBER, 0.10)
    panel.line(data.equity, AMBER, 1.4)
    legend(canvas, ("━ strategy", AMBER), ("━ buy and hold", MUTED), ("╌ initial capital", MUTED))
    return canvas


def drawdown_curve(data: ChartData) -> Canvas:
    """How far equity is below its peak so far, drawn downwards, percent."""
    peaks = np.maximum.accumulate(np.append(data.initial_capital, data.equity))[1:]
    drawdown = (peaks - data.equity) / peaks * 100
    worst = int(drawdown.argmax())
    when = data.timestamps[worst].item().strftime("%d %b %Y")
    finding = f"deepest {drawdown[worst]:.1f}% on {when}" if drawdown[worst] > 0 else "no drawdown"
    canvas = titled_canvas("DRAWDOWN", data.heading, finding if data.trades else NO_TRADES, _color(data, -1))
    tag = Tag(-float(drawdown[-1]), f"{0.0 - drawdown[-1]:.1f}%", DOWN)
    panel = value_panel(canvas, data.timestamps, (-drawdown, np.zeros(1)), tag, "%")
    panel.area(-drawdown, 0, DOWN, 0.25)
    panel.level(0, AXIS)
    panel.line(-drawdown, DOWN, 1.1)
    if drawdown[worst] > 0:
        panel.markers(np.array([float(worst)]), -drawdown[[worst]], TIP_UP, BRIGHT, 6)
    legend(canvas, ("━ below the highest equity so far", DOWN), ("▲ deepest", BRIGHT))
    return canvas


def portfolio_orders(data: ChartData) -> Canvas:
    """Fills on the closing price."""
    buys, sells = data.orders()
    count = len(buys.bars) + len(sells.bars)
    finding = f"{len(buys.bars):,} bought, {len(sells.bars):,} sold" if count else NO_TRADES
    canvas = titled_canvas("ORDERS", data.heading, finding)
    panel = value_panel(canvas, data.timestamps, (data.close, buys.prices, sells.prices), _price_tag(data.close))
    panel.line(data.close, MUTED, 1.0)
    size_pt = _marker_size_pt(count)
    panel.markers(buys.bars, buys.prices, TIP_UP, UP, size_pt)
    panel.markers(sells.bars, sells.prices, TIP_DOWN, DOWN, size_pt)
    legend(canvas, ("━ close", MUTED), ("▲ buy", UP), ("▼ sell", DOWN))
    return canvas


def trade_pnl(data: ChartData) -> Canvas:
    """Gain or loss of each trade, percent of what it cost, at the bar on which it ended."""
    pnl_pct = np.array([trade["pnl_pct"] for trade in data.trades], dtype=float)
    if not len(pnl_pct):
        canvas = titled_canvas("TRADE P&L", data.heading, NO_TRADES)
        value_panel(canvas, data.timestamps, (np.array([-1.0, 1.0]),), suffix="%")
        notice(canvas, NO_TRADES)
        return canvas
    bars = np.array([left for _, left in data.fill_bars], dtype=float)
    is_open = np.array([trade["is_open"] for trade in data.trades], dtype=bool)
    won, closed = pnl_pct > 0, ~is_open
    mean_pct, finding = _average(pnl_pct, closed)
    canvas = titled_canvas("TRADE P&L", data.heading, finding, _color(data, mean_pct))
    panel = value_panel(canvas, data.timestamps, (pnl_pct, np.zeros(1)), suffix="%")
    panel.level(0, AXIS, 1.2)
    panel.level(mean_pct, AMBER, 0.9, linestyle=DASHED)
    size_pt = _marker_size_pt(len(pnl_pct)) + 0.5
    for chosen, shape, color in ((won, "^", UP), (~won, "v", DOWN)):
        panel.markers(bars[chosen & closed], pnl_pct[chosen & closed], shape, color, size_pt)
        still = chosen & is_open
        panel.markers(bars[still], pnl_pct[still], shape, "none", size_pt, markeredgecolor=color, markeredgewidth=1.1)
    legend(canvas, ("▲ won", UP), ("▼ lost", DOWN), ("△▽ still open", TEXT), ("╌ average", AMBER))
    return canvas


def _average(pnl_pct: np.ndarray, closed: np.ndarray) -> tuple[float, str]:
    """The mean return of ended trades, percent, and how many of them won; that of the open one when none has ended."""
    if not closed.any():
        return float(pnl_pct.mean()), f"the only trade is still open, at {pnl_pct.mean():+.2f}%"
    ended = pnl_pct[closed]
    return float(ended.mean()), f"{(ended > 0).sum():,} of {len(ended):,} closed won, average {ended.mean():+.2f}%"


def cumulative_return(data: ChartData) -> Canvas:
    """Return since the start against buying and holding, percent."""
    strategy, holding = ((each / data.initial_capital - 1) * 100 for each in (data.equity, data.buy_hold_equity))
    ahead = float(strategy[-1] - holding[-1])
    words = f"{abs(ahead):,.1f} points {'ahead of' if ahead >= 0 else 'behind'} buy and hold"
    canvas = titled_canvas("CUMULATIVE RETURN", data.heading, words if data.trades else NO_TRADES, _color(data, ahead))
    tag = Tag(float(strategy[-1]), f"{strategy[-1]:+,.1f}%", BRIGHT)
    panel = value_panel(canvas, data.timestamps, (strategy, holding, np.zeros(1)), tag, "%")
    panel.area(np.maximum(strategy, 0), 0, UP, 0.22)
    panel.area(np.minimum(strategy, 0), 0, DOWN, 0.22)
    panel.level(0, AXIS, 1.2)
    panel.line(holding, MUTED, 0.9)
    panel.line(strategy, BRIGHT, 1.3)
    legend(canvas, ("━ strategy", BRIGHT), ("■ gain", UP), ("■ loss", DOWN), ("━ buy and hold", MUTED))
    return canvas


def candlestick(data: ChartData) -> Canvas:
    """Candles with volume and the bars on which orders were filled."""
    candles = legible_candles(data.timestamps, data.open, data.high, data.low, data.close, data.volume)
    buys, sells = data.orders()
    canvas = titled_canvas("CANDLES", data.heading, _candle_finding(data, candles))
    tag = _price_tag(candles.close)
    panel = value_panel(canvas, candles.timestamps, (candles.low, candles.high), tag, bottom=VOLUME_TOP)
    _draw_volume(canvas, candles)
    _draw_candles(panel, candles)
    for orders, shape, color in ((buys, TIP_UP, UP), (sells, TIP_DOWN, DOWN)):
        _mark_candles(panel, candles, orders, shape, color)
    legend(canvas, ("■ up", UP), ("■ down", DOWN), ("▲ buy", UP), ("▼ sell", DOWN), ("▮ volume", MUTED))
    return canvas


def _candle_finding(data: ChartData, candles: Candles) -> str:
    count = len(candles.close)
    words = f"{count:,} {candles.period} {'candle' if count == 1 else 'candles'}".replace("  ", " ")
    if not data.trades:
        return f"{words}, {NO_TRADES}"
    return f"{words} of {len(data.close):,} bars" if candles.period else words


def _draw_candles(panel: Panel, candles: Candles) -> None:
    """Wicks and bodies, blue where the close is not below the open."""
    x = np.arange(len(candles.close), dtype=float)
    width_pt = min(0.72 * panel.bar_width_pt, 12.0)
    rising = candles.close >= candles.open
    for chosen, color in ((rising, UP), (~rising, DOWN)):
        panel.verticals(x[chosen], candles.low[chosen], candles.high[chosen], color, 0.7)
        low = np.minimum(candles.open, candles.close)[chosen]
        high = np.maximum(candles.open, candles.close)[chosen]
        panel.verticals(x[chosen], low, high, color, width_pt, least_pt=0.7)


def _draw_volume(canvas: Canvas, candles: Candles) -> None:
    """Volume as bars in a strip below the prices."""
    x = np.arange(len(candles.close), dtype=float)
    highest = float(candles.volume.max())
    if highest == 0:
        return
    strip = Panel(canvas, (LEFT, BOTTOM, RIGHT, VOLUME_TOP - 8), len(x), 0, highest, log=False)
    strip.verticals(x, np.zeros_like(x), candles.volume, MUTED, min(0.72 * strip.bar_width_pt, 12.0), 0.55)
    strip.level(0, AXIS)
    canvas.text(RIGHT + 14, (BOTTOM + strip.top) / 2, short_number(highest, highest / 10), MUTED, va="center")


def _mark_candles(panel: Panel, candles: Candles, orders: Orders, shape: int, color: str) -> None:
    """One mark per candle that had orders: bought below its low, sold above its high."""
    marked = np.unique(np.searchsorted(candles.starts, orders.bars, side="right") - 1)
    y = candles.low[marked] if shape == TIP_UP else candles.high[marked]
    panel.markers(marked.astype(float), y, shape, color, _marker_size_pt(len(marked)))


def _marker_size_pt(count: int) -> float:
    """Smaller marks where there are many."""
    return float(np.interp(count, [40, 400], [6.0, 3.5]))


def _color(data: ChartData, change: float) -> str:
    """Colour of a finding: blue for better, orange for worse, neither without trades."""
    if not data.trades or change == 0:
        return BRIGHT
    return UP if change > 0 else DOWN


def _money(amount: float) -> str:
    if abs(amount) < 100:
        return f"{amount:.4g}"
    return short_number(amount, 1 if abs(amount) < 1e6 else abs(amount) / 100)


def _price_tag(close: Numbers) -> Tag:
    price = float(close[-1])
    return Tag(price, f"{price:,.2f}" if price >= 1 else f"{price:.4g}", TEXT)


CHARTS: dict[str, Callable[[ChartData], Canvas]] = {
    "equity_curve": equity_curve,
    "drawdown_curve": drawdown_curve,
    "portfolio_orders": portfolio_orders,
    "trade_pnl": trade_pnl,
    "cumulative_return": cumulative_return,
    "candlestick": candlestick,
}
