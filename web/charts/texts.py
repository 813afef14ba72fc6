"""Text alternatives of a run's charts: a title and a sentence with the finding."""

from collections.abc import Callable

from adapters.runs.series import RunSeries
from contracts.run_result import RunResult
from web.formats import coarse_money, signed
from web.runs.view import return_words
from web.titles import rule_title


def equity(result: RunResult, run: RunSeries) -> str:
    metrics = result.metrics or {}
    start, end = float(result.request["initial_capital"]), float(run.equity[-1])
    holding = metrics.get("buy_hold_return_pct")
    versus = "" if holding is None else f", while buying and holding {return_words(holding)}"
    return f"Equity of {_subject(result)} went from {coarse_money(start, start)} to {coarse_money(end, start)}{versus}"


def drawdown(result: RunResult, run: RunSeries) -> str:
    deepest = int(run.drawdown_pct.argmax())
    depth_pct, day = run.drawdown_pct[deepest], run.dates[deepest][:10]
    if depth_pct <= 0:
        return f"Equity of {_subject(result)} was never below an earlier peak"
    return f"Equity of {_subject(result)} fell at most {depth_pct:.1f}% below its earlier peak, on {day}"


def orders(result: RunResult, _: RunSeries) -> str:
    marked = _orders_of(result)
    if not marked:
        return f"Closing price of {_subject(result)} without orders, since there were no trades"
    return f"Closing price of {_subject(result)} with {marked}"


def trade_pnl(result: RunResult, _: RunSeries) -> str:
    trades = result.trades or []
    if not trades:
        return f"{_subject(result)} made no trades"
    closed = [trade["pnl_pct"] for trade in trades if not trade["is_open"]]
    if not closed:
        return f"The only trade of {_subject(result)} is still open, at {signed(trades[0]['pnl_pct'], 1)}%"
    still_open = "" if len(closed) == len(trades) else "; the last one is still open"
    if len(closed) == 1:
        outcome = "won" if closed[0] > 0 else "lost"
        with_return = f"with a return of {signed(closed[0], 1)}%"
        return f"The one closed trade of {_subject(result)} {outcome}, {with_return}{still_open}"
    won = sum(pnl_pct > 0 for pnl_pct in closed)
    between = f"between {signed(min(closed), 1)}% and {signed(max(closed), 1)}%"
    return f"{won:,} of {len(closed):,} closed trades of {_subject(result)} won, with returns {between}{still_open}"


def cumulative_return(result: RunResult, _: RunSeries) -> str:
    metrics = result.metrics or {}
    strategy, holding = metrics["total_return_pct"] or 0.0, metrics.get("buy_hold_return_pct")
    result_text = f"{_subject(result)} {return_words(strategy)}"
    if holding is None:
        return result_text
    side = "ahead of" if strategy >= holding else "behind"
    return f"{result_text}, {abs(strategy - holding):,.1f} percentage points {side} buying and holding"


def candlestick(result: RunResult, run: RunSeries) -> str:
    first, last = (run.dates[place][:10] for place in (0, -1))
    orders = _orders_of(result)
    marked = f"with {orders} marked" if orders else "with no trades to mark"
    return (
        f"Candles and volume of {result.request.get('ticker')} from {first} to {last}, {marked}"
    )


def _subject(result: RunResult) -> str:
    return f"{result.request['ticker']} with {rule_title(result.request)}"


def _orders_of(result: RunResult) -> str:
    """Count the orders: 12 buys and 11 sells; an open trade has no exit. Empty without trades."""
    trades = result.trades or []
    entries = [trade["side"] for trade in trades]
    exits = [trade["side"] for trade in trades if not trade["is_open"]]
    bought = entries.count("BUY") + exits.count("SELL")
    sold = len(entries) + len(exits) - bought
    counts = f"{bought:,} {'buy' if bought == 1 else 'buys'} and {sold:,} {'sell' if sold == 1 else 'sells'}"
    return counts if trades else ""


CHARTS: dict[str, tuple[str, Callable[[RunResult, RunSeries], str]]] = {
    "equity_curve": ("Equity", equity),
    "drawdown_curve": ("Drawdown", drawdown),
    "portfolio_orders": ("Orders on price", orders),
    "trade_pnl": ("Profit and loss of each trade", trade_pnl),
    "cumulative_return": ("Cumulative return", cumulative_return),
    "candlestick": ("Candles", candlestick),
}


def chart_texts(result: RunResult, run: RunSeries) -> dict[str, tuple[str, str]]:
    """Return the title of each chart of a completed run, and a sentence with its finding, by name."""
    return {
        name: (title, f"{finding(result, run)}.") for name, (title, finding) in CHARTS.items()
    }
