"""Pictures of a result: PNG charts with their text alternatives, and the breakdown of returns and trades."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from math import floor
from operator import itemgetter
from threading import BoundedSemaphore

import numpy as np
from markupsafe import Markup
from sqlalchemy import RowMapping

from adapters.metrics.curves import falls
from adapters.prices.bars import Column
from adapters.runs.queries import chart_pngs
from adapters.runs.series import RunSeries
from adapters.settings import PROJECT_ROOT, environment_with
from contracts.errors import DrawingUnavailable
from contracts.run_result import CHART_NAMES, RunResult
from contracts.values import Json, Values
from web.app import ask_database, platform
from web.formats import bar, coarse_money, number, picture, return_words, scale, signed, text
from web.titles import rule_title

DRAWING_S = 30.0  # usually 1 s, 3 s for a million bars; then the process is killed
JOB_DRAWS_S = 3.0  # after the end of a run its Job may still draw for so long
LOOK_EVERY_S = 0.05
_drawers = BoundedSemaphore(2)  # of this web process; each takes about 120 MB


def pictures(row: RowMapping) -> dict[str, bytes]:
    """Return the charts of a run by name, drawing missing ones; none before it has completed or without its series.

    A Job draws them right after its result is recorded. They are missing for a moment then, permanently when the Job
    was killed in between, and for runs that were submitted without charts. A short-lived process draws them, since
    web loads no Matplotlib.
    DrawingUnavailable when too many others are being drawn, or it takes too long.
    """
    if row["equity_curve_json"] is None:
        return {}
    patience = time.monotonic() + _wait_s(row)
    # a run drawn by an earlier release lacks newer charts
    while {*CHART_NAMES} - (stored := ask_database(chart_pngs, row["run_id"])).keys():
        if time.monotonic() >= patience:
            _draw(row["run_id"])
            return ask_database(chart_pngs, row["run_id"])
        time.sleep(LOOK_EVERY_S)
    return stored


def _wait_s(row: RowMapping) -> float:
    """Return for how many seconds the run's Job may still be drawing, by the clock of this machine."""
    if not json.loads(row["request_json"])["charts"]:
        return 0.0
    ended: datetime = row["completed_at"]
    return JOB_DRAWS_S - (datetime.now(UTC).replace(tzinfo=None) - ended).total_seconds()


def _draw(run_id: str) -> None:
    """Draw and store the charts in a separate process; what it cannot draw stays missing."""
    if not _drawers.acquire(timeout=DRAWING_S):
        raise DrawingUnavailable("too many charts are being drawn; try again in a moment")
    try:
        command = [sys.executable, "-m", "consumer.kinds.draw_charts", run_id]
        environment = environment_with({"DATABASE_URL": platform().settings.database_url})
        subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=False, timeout=DRAWING_S)
    except subprocess.TimeoutExpired:
        raise DrawingUnavailable(f"the charts took longer than {DRAWING_S:.0f} s") from None
    finally:
        _drawers.release()


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


WORST = 5  # drawdowns that are listed
LEAST_PCT = 0.005  # a shallower one is displayed as 0.00
BINS = 20  # of the histogram, between the lowest and the highest return that are not extreme
EXTREME_SHARE = 0.005  # of the returns on either side go into the outermost bins
# no wider than a phone, so that letters are never drawn smaller
WIDTH, HEIGHT, TOP, BOTTOM = 320, 150, 8, 26
LABEL_EVERY = 5  # bins


def breakdown(run: RunSeries) -> Json:
    """Return the variables of charts/_breakdown.html; a trade is won by its unrounded profit."""
    trades = run.trades
    closed = [each for each in trades if not each["is_open"]]
    return {
        "drawdowns": worst_drawdowns(run),
        "histogram": histogram_svg(returns_histogram(run.path)),
        "groups": [*trades_by(closed, itemgetter("side")), *trades_by(trades, ending_of)],
    }


def worst_drawdowns(run: RunSeries) -> list[Json]:
    """Return the deepest drawdowns, deepest first; the initial capital is the first peak, on the first day."""
    drawdowns = (_drawdown(run, *fall) for fall in falls(run.path))
    deep = (each for each in drawdowns if each["depth_pct"] >= LEAST_PCT)
    return sorted(deep, key=lambda each: -each["depth_pct"])[:WORST]


def _drawdown(run: RunSeries, start: int, end: int) -> Json:
    """Return a drawdown from its peak to its recovery, or to the last day with `end` None, with its length in days."""
    path = run.path
    lowest = start + int(path[start : end + 1].argmin())
    peak, bottom, last = (run.dates[max(point - 1, 0)] for point in (start, lowest, end))
    return {
        "depth_pct": float((path[start] - path[lowest]) / path[start]) * 100,
        "start": peak,
        "bottom": bottom,
        "end": last if path[end] >= path[start] else None,
        "days": (date.fromisoformat(last[:10]) - date.fromisoformat(peak[:10])).days,
    }


def returns_histogram(path: Column) -> list[tuple[float, int]]:
    """Count bar returns by bins, each with its lower edge in percent; [] without any position.

    The outermost bins include all returns beyond them. Zero is an edge. Bars without a return, and bars that began with
    no money left, are not counted.
    """
    before, after = path[:-1], path[1:]
    has_money = before > 0
    returns = np.sort(after[has_money] / before[has_money] - 1) * 100
    returns = returns[returns != 0]
    if not len(returns):
        return []
    cut = floor(len(returns) * EXTREME_SHARE)
    low, high = min(float(returns[cut]), 0.0), max(float(returns[-1 - cut]), 0.0)
    width = (high - low) / BINS
    edges = np.arange(floor(low / width), floor(high / width) + 2) * width
    counts, _ = np.histogram(returns.clip(edges[0], edges[-1]), edges)
    return [*zip(edges.tolist(), counts.tolist(), strict=False)]


def histogram_svg(bins: Sequence[tuple[float, int]]) -> Markup | None:
    """Draw one bar per bin, losses and gains in their colours; None without bins."""
    if not bins:
        return None
    step, floor_y = WIDTH / len(bins), HEIGHT - BOTTOM
    y = scale(0, max(bars for _, bars in bins), floor_y, TOP)
    parts = [
        bar("f-down" if low < 0 else "f-up", place * step + 1, step - 2, y(bars), floor_y)
        for place, (low, bars) in enumerate(bins)
    ]
    zero = next(place for place, (low, _) in enumerate(bins) if low >= 0)
    for place in range(zero % LABEL_EVERY, len(bins), LABEL_EVERY):
        parts.append(text(place * step, HEIGHT - 6, f"{number(bins[place][0], 1)}%"))
    return picture(parts, f'viewBox="-30 0 {WIDTH + 60} {HEIGHT}"')


def ending_of(trade: Values) -> str:
    """Return the exit reason of a trade, or `open`."""
    return "open" if trade["is_open"] else str(trade["exit_reason"])


def trades_by(trades: Sequence[Values], kind: Callable[[Values], str]) -> list[Json]:
    """Group trades by kind, the largest group first; an open one counts at its current value."""
    groups: dict[str, list[Values]] = {}
    for trade in trades:
        groups.setdefault(kind(trade), []).append(trade)
    rows = [_group(name, members) for name, members in groups.items()]
    return sorted(rows, key=lambda group: -group["trades"])


def _group(name: str, trades: Sequence[Values]) -> Json:
    returns = [trade["pnl_pct"] for trade in trades]
    earned = [trade["pnl_abs"] for trade in trades]
    return {
        "name": name,
        "trades": len(trades),
        "won": sum(each > 0 for each in earned),
        "pnl_abs": sum(earned),
        "best_pct": max(returns),
        "worst_pct": min(returns),
    }
