"""Liquidation: a finished result is cut at the bar that lost too much, and nothing is traded afterwards.

The engine itself knows nothing of it. Nothing before the cut changes, since no engine rule looks ahead.
"""

from dataclasses import replace

from consumer.wrappers.rates import LedgerWithRates
from engine.bars import Bars
from engine.engine import BacktestEngine, BacktestResult
from engine.ledger import Ledger
from engine.metrics import measure
from engine.stops import StopHit

ORDERS = frozenset({"signal", "time_exit"})  # reasons of hits that are no level of stop or target


def with_liquidation(
    result: BacktestResult, engine: BacktestEngine, bars: Bars, below_pct: float
) -> BacktestResult:
    """The result up to the first close at which equity is `below_pct` percent of the initial capital or less.

    engine and bars: those of the result, bars from its first_bar on. The position is closed as a signal of that bar
    would be: at its close, or with next_open at the next open, with fee and slippage, as exit_reason "liquidation";
    a stop or target that this open is beyond fills before it. Prices may move past the level within a bar, so equity
    may end below it. Later trades and rejected orders are gone; `signals` stay what the strategy said. ValueError
    unless 0 <= below_pct < 100.
    """
    if not 0 <= below_pct < 100:
        raise ValueError(f"below_pct: must be a number from 0 to below 100, got {below_pct!r}")
    passed = result.equity_curve <= engine.initial_capital * below_pct / 100.0
    next_open = engine.fill == "next_open"  # the last bar has no open left to close at
    if not passed[: len(bars) - next_open].any():
        return result
    bar = int(passed.argmax())
    ledger = _cut(result.ledger, bar)
    if ledger.shares:
        _leave(ledger, result.ledger, bar + next_open, engine, bars)
    path = ledger.equity_path(bars.close)
    metrics = measure(path, engine.periods_per_year, ledger.num_trades())
    return replace(result, equity_curve=path[1:], metrics=metrics, ledger=ledger)


def _leave(ledger: Ledger, whole: Ledger, bar: int, engine: BacktestEngine, bars: Bars) -> None:
    """Close the position on `bar` as an order would, unless a level fills before orders, as it did in the whole run."""
    number = len(ledger.accounts)
    hit = whole.hits.get(number)
    if hit and (hit.bar, hit.at) == (bar, "open") and hit.reason not in ORDERS:
        price = whole.accounts[number][1]
    else:
        slippage = engine.slippage_bps / 10_000 * (1 if ledger.shares < 0 else -1)
        fills = bars.open if ledger.moment == "open" else bars.close
        hit = StopHit(bar, fills.item(bar), "liquidation", ledger.moment)
        price = hit.price * (1 + slippage)
    ledger.hits[number] = hit
    ledger.leave(bar, price)


def _cut(whole: Ledger, bar: int) -> Ledger:
    """What the ledger held after the fills of `bar`."""
    terms = whole.initial_capital, whole.fee_rate, whole.moment
    ledger = whole.emptied() if isinstance(whole, LedgerWithRates) else Ledger(*terms)
    for filled, price, shares, _ in whole.accounts:
        if filled > bar:
            break
        if shares:
            ledger.enter(filled, price, shares)
        else:
            ledger.leave(filled, price)
    ledger.hits.update(
        (number, hit) for number, hit in whole.hits.items() if number < len(ledger.accounts)
    )
    ledger.rejected.extend(
        (fill_bars[fill_bars <= bar], side, why) for fill_bars, side, why in whole.rejected
    )
    return ledger
