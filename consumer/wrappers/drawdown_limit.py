"""A drawdown limit around the engine: the worked example of new behaviour that leaves the engine closed.

The engine runs as ever; its finished result is then cut where the limit was passed. Nothing earlier changes, since no
engine rule looks ahead.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from engine.bars import Bars, check_bars
from engine.engine import BacktestEngine, BacktestResult
from engine.ledger import Ledger
from engine.metrics import measure
from engine.stops import StopHit

Signals = np.ndarray[Any, np.dtype[np.int8]]


def run_with_drawdown_limit(
    engine: BacktestEngine,
    data: Any,
    strategy_func: Callable[[Any], Signals],
    ticker: str,
    limit_pct: float,
    first_bar: int = 0,
) -> BacktestResult:
    """The engine's result up to the first close at which drawdown is `limit_pct` or more; flat from then on.

    The drawdown is from the running peak of equity, the initial capital included. The position is closed as a signal
    of that bar would be: at its close, or with next_open at the next open, with fee and slippage, as exit_reason
    "drawdown_limit". Later trades and rejected orders are gone; `signals` stay what the strategy said.
    ValueError unless 0 < limit_pct < 100.
    """
    if not 0 < limit_pct < 100:
        raise ValueError(f"limit_pct: must be a number above 0 and below 100, got {limit_pct!r}")
    bars = check_bars(data)
    result = engine.run(bars, strategy_func, ticker, first_bar)
    traded = bars.since(first_bar)
    passed = np.flatnonzero(_drawdown_pct(result) >= limit_pct)
    next_open = engine.fill == "next_open"
    if not len(passed) or (next_open and passed[0] + 1 == len(traded)):
        return result
    ledger = _flattened(result, engine, traded, int(passed[0]), next_open)
    path = ledger.equity_path(traded.close)
    metrics = measure(path, engine.periods_per_year, ledger.num_trades())
    return replace(result, equity_curve=path[1:], metrics=metrics, ledger=ledger)


def _drawdown_pct(result: BacktestResult) -> np.ndarray[Any, np.dtype[np.float64]]:
    peak = np.maximum(np.maximum.accumulate(result.equity_curve), result.ledger.initial_capital)
    return np.asarray((peak - result.equity_curve) / peak * 100.0)


def _flattened(result: BacktestResult, engine: BacktestEngine, bars: Bars, bar: int, next_open: bool) -> Ledger:
    """The ledger up to `bar`, and the fill that closes what is held then."""
    whole = result.ledger
    ledger = Ledger(whole.initial_capital, whole.fee_rate, whole.moment)
    ledger.accounts.extend(account for account in whole.accounts if account[0] <= bar)
    ledger.hits.update((number, hit) for number, hit in whole.hits.items() if number < len(ledger.accounts))
    ledger.rejected.extend((fill_bars[fill_bars <= bar], side, why) for fill_bars, side, why in whole.rejected)
    if ledger.accounts:
        _, _, ledger.shares, ledger.cash = ledger.accounts[-1]
    if ledger.shares:
        fill_bar, price = (bar + 1, bars.open.item(bar + 1)) if next_open else (bar, bars.close.item(bar))
        slippage = engine.slippage_bps / 10_000 * (1 if ledger.shares < 0 else -1)
        ledger.hits[len(ledger.accounts)] = StopHit(fill_bar, price, "drawdown_limit", whole.moment)
        ledger.leave(fill_bar, price * (1 + slippage))
    return ledger
