"""The charts of a run as SVG, for runs without pictures: in the places and colours of the PNG charts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapters.prices.display import display_price
from adapters.results.curves import FillBars
from contracts.run_result import Candle, RunResult
from web.svg_plot import HEIGHT, WIDTH, Drawn, Plot, drawn_twice

MAX_CANDLES = 220  # more are joined to wider candles, which say so
LOW = (WIDTH, 280)
LEAST_DEPTH = -1.0  # percent; a run that never lost shows its flat line at the top
HALF = (520, 230)  # pixels of a chart that has another one beside it
HOLDING = ("muted", "buy and hold")


def chart_svg(name: str, result: RunResult, fills: Sequence[FillBars], alt: str) -> Markup:
    """The chart `name` of a completed run whose trades have these `fills`; KeyError for an unknown name."""
    if name in MARKED_CHARTS:
        return MARKED_CHARTS[name](result, fills, alt)
    return CHARTS[name](result, alt)


def _dates(result: RunResult) -> list[str]:
    return [point["date"] for point in result.equity_curve or []]


def holding_returns(result: RunResult) -> list[float] | None:
    """Return in percent of buying and holding, per bar, to the Job's own end; None without the prices."""
    candles = result.price_candles
    if not candles or len(candles) != len(result.equity_curve or []):
        return None
    end_pct, last = (result.metrics or {}).get("buy_hold_return_pct") or 0.0, candles[-1]["close"]
    return [((1 + end_pct / 100) * candle["close"] / last - 1) * 100 for candle in candles]


def equity_drawn(result: RunResult, alt: str) -> list[Drawn]:
    """Equity, as wide as a page and lower than the chart of its own tab, and as wide as a phone."""
    return drawn_twice(lambda size: _equity(result, alt, size), LOW)


def equity_alone_svg(result: RunResult, alt: str) -> Markup:
    """Equity on a scale of its own, for a strategy that buying and holding dwarfs."""
    return _equity_beside(result, [], alt, (WIDTH, HEIGHT))


def _equity(result: RunResult, alt: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Markup:
    capital = float(result.request["initial_capital"])
    holding = [capital * (1 + change / 100) for change in holding_returns(result) or []]
    return _equity_beside(result, holding, alt, size)


def _equity_beside(result: RunResult, holding: Sequence[float], alt: str, size: tuple[int, int]) -> Markup:
    equity = [point["equity"] for point in result.equity_curve or []]
    return _lines(_dates(result), equity, holding, float(result.request["initial_capital"]), "", alt, size)


def _cumulative_return(result: RunResult, alt: str) -> Markup:
    capital = float(result.request["initial_capital"])
    returns = [(point["equity"] / capital - 1) * 100 for point in result.equity_curve or []]
    return _lines(_dates(result), returns, holding_returns(result) or [], 0.0, "%", alt)


def _lines(
    dates: list[str],
    strategy: Sequence[float],
    holding: Sequence[float],
    base: float,
    unit: str,
    alt: str,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Markup:
    everything = [*strategy, *holding, base]
    plot = Plot(dates, min(everything), max(everything), size, unit)
    plot.level(base)
    plot.line(holding, HOLDING[0])
    plot.area(strategy, base, "amber")
    plot.line(strategy, "amber")
    plot.legend([("amber", "strategy"), *([HOLDING] if holding else [])])
    return plot.svg(alt)


def _drawdown(result: RunResult, alt: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Markup:
    depths = [-point["drawdown_pct"] for point in result.drawdown_curve or []]
    plot = Plot(_dates(result), min([*depths, LEAST_DEPTH]), 0.0, size, unit="%")
    plot.level(0)
    plot.area(depths, 0, "down")
    plot.line(depths, "down")
    return plot.svg(alt)


def _orders(result: RunResult, fills: Sequence[FillBars], alt: str) -> Markup:
    candles = result.price_candles
    if not candles:
        return _without_prices(result)
    closes = [candle["close"] for candle in candles]
    plot = Plot([candle["date"] for candle in candles], min(closes), max(closes))
    plot.line(closes, "muted")
    for bar, order in filled_orders(result, fills):
        _mark(plot, bar, order)
    plot.legend([("muted", "close"), ("up", "buy"), ("down", "sell")])
    return plot.svg(alt)


@dataclass(frozen=True, slots=True)
class Order:
    """One fill of a trade."""

    trade_no: int
    is_entry: bool
    timestamp: str
    price: float
    size: float
    bought: bool


def orders_of(result: RunResult) -> list[Order]:
    """Entries and exits of all trades in the order of time."""
    orders = []
    for number, trade in enumerate(result.trades or []):
        long, size = trade["side"] == "BUY", trade["size"]
        orders.append(Order(number, True, trade["entry_timestamp"], trade["entry_price"], size, long))
        if not trade["is_open"]:
            orders.append(Order(number, False, trade["exit_timestamp"], trade["exit_price"], size, not long))
    return sorted(orders, key=lambda order: order.timestamp)


def filled_orders(result: RunResult, fills: Sequence[FillBars]) -> list[tuple[int, Order]]:
    """Each order with the bar on which it filled."""
    return [(fills[order.trade_no][0 if order.is_entry else 1], order) for order in orders_of(result)]


def _mark(plot: Plot, bar: int, order: Order) -> None:
    """An arrow where an order filled."""
    when = order.timestamp[:16].replace("T", " ")
    plot.arrow(bar, order.price, order.bought, f"{'Bought' if order.bought else 'Sold'} {when} at {order.price:,.2f}")


def _trade_pnl(result: RunResult, fills: Sequence[FillBars], alt: str) -> Markup:
    trades, dates = result.trades or [], _dates(result)
    returns = [trade["pnl_pct"] for trade in trades]
    plot = Plot(dates, min([*returns, 0.0]), max([*returns, 0.0]), unit="%")
    plot.level(0)
    for trade, (_, left) in zip(trades, fills, strict=True):
        when = trade["exit_timestamp"][:16].replace("T", " ")
        end = f"still open at the end, {when}" if trade["is_open"] else f"closed {when}"
        title = f"Trade {trade['trade_no']}: {trade['pnl_pct']:+.2f}%, {end}"
        css = "up" if trade["pnl_pct"] > 0 else "down"
        plot.dot(left, trade["pnl_pct"], css, title)
    return plot.svg(alt)


def _candlestick(result: RunResult, fills: Sequence[FillBars], alt: str) -> Markup:
    return candles_svg(result, fills, range(len(result.price_candles or [])), alt)


def candles_svg(result: RunResult, fills: Sequence[FillBars], bars: range, alt: str) -> Markup:
    """The candles of `bars` with the orders among them; a sentence instead when the prices are not at hand."""
    shown = (result.price_candles or [])[bars.start : bars.stop]
    if not shown:
        return _without_prices(result)
    candles, group = joined(shown)
    plot = candle_plot(candles)
    for bar, order in filled_orders(result, fills):
        if bar in bars:
            _mark(plot, (bar - bars.start) // group, order)
    plot.legend([("up", "rise, buy"), ("down", "fall, sell"), *([("muted", f"{group} bars per candle")] * (group > 1))])
    return plot.svg(alt)


def candle_plot(candles: Sequence[Candle], size: tuple[int, int] = (WIDTH, HEIGHT)) -> Plot:
    """A plot with these candles, each with its prices as its text."""
    lows, highs = [candle["low"] for candle in candles], [candle["high"] for candle in candles]
    plot = Plot([candle["date"] for candle in candles], min(lows), max(highs), size)
    for bar, candle in enumerate(candles):
        prices = (candle["open"], candle["high"], candle["low"], candle["close"])
        plot.candle(bar, prices, f"{candle['date']}: " + " · ".join(f"{display_price(price):,.2f}" for price in prices))
    return plot


def joined(candles: Sequence[Candle]) -> tuple[list[Candle], int]:
    """At most MAX_CANDLES candles, and how many bars each of them covers."""
    group = -(-len(candles) // MAX_CANDLES)
    return [_join(candles[start : start + group]) for start in range(0, len(candles), group)], group


def _join(candles: Sequence[Candle]) -> Candle:
    return {
        "date": candles[0]["date"],
        "open": candles[0]["open"],
        "high": max(candle["high"] for candle in candles),
        "low": min(candle["low"] for candle in candles),
        "close": candles[-1]["close"],
        "volume": sum(candle["volume"] for candle in candles),
    }


def _without_prices(result: RunResult) -> Markup:
    return Markup(
        '<p class="empty"><strong>The prices of this run are gone</strong>It read a file of {} that was never '
        "stored, so its bars cannot be shown beside these trades. Clone the run to repeat it on the present prices.</p>"
    ).format(result.request["ticker"])


def rolling_sharpe_svg(result: RunResult, ratios: Sequence[float | None], bars: int) -> Markup:
    """The Sharpe ratio of the last `bars` bars."""
    known = [ratio for ratio in ratios if ratio is not None]
    plot = Plot(_dates(result), min([*known, 0.0]), max([*known, 0.0]), HALF)
    plot.level(0)
    plot.line(ratios, "amber")
    return plot.svg(
        f"Sharpe ratio of the last {bars} bars, from {min(known):.2f} to {max(known):.2f}, now {known[-1]:.2f}."
    )


def drawdown_svg(result: RunResult, alt: str) -> Markup:
    """The drawdown in half the width."""
    return _drawdown(result, alt, HALF)


CHARTS: dict[str, Callable[[RunResult, str], Markup]] = {
    "equity_curve": _equity,
    "drawdown_curve": _drawdown,
    "cumulative_return": _cumulative_return,
}
MARKED_CHARTS: dict[str, Callable[[RunResult, Sequence[FillBars], str], Markup]] = {
    "portfolio_orders": _orders,
    "trade_pnl": _trade_pnl,
    "candlestick": _candlestick,
}
