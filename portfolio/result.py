"""What a portfolio hands back: curves of the joined calendar, fills, trades of all legs and what each leg earned."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from engine.metrics import PerformanceMetrics, measure
from engine.result import Trade
from portfolio.account import Account, LeftOut, LegFill
from portfolio.legs import Array, Calendar, Leg
from portfolio.sharing import Sharing


class LegTrade(NamedTuple):
    """A trade of a leg, its bars numbered on the joined calendar.

    resized: how often rebalancing changed it; then size is all that was ever bought (of a short: sold), and prices are
    the means of what was paid and received, so that pnl_abs is what it came to all the same.
    """

    leg: int
    trade: Trade
    resized: int


@dataclass(frozen=True, eq=False)
class PortfolioResult:
    """The outcome; bars are those of the calendar, on which any leg has one.

    equity_curve, cash_curve, held_curve (signed values of all positions), gross_curve (shorts positive) and
    positions_curve (how many are open): (bars,), after each bar's fills. values: (legs, bars), signed, of what each leg
    holds; sleeves: (legs, bars), the equity of each one's own part, None in a shared account. earned: (legs, bars),
    money, what a leg's fills and holdings have come to so far; of the last bar they and interest less borrow_fees are
    the portfolio's profit. fills, left_out: in order.
    """

    calendar: Calendar
    equity_curve: Array
    cash_curve: Array
    held_curve: Array
    gross_curve: Array
    positions_curve: Array
    values: Array
    sleeves: Array | None
    earned: Array
    interest: float
    borrow_fees: float
    fills: tuple[LegFill, ...]
    left_out: tuple[LeftOut, ...]
    metrics: PerformanceMetrics
    _last: tuple[tuple[int, float], ...]

    @cached_property
    def trades(self) -> tuple[LegTrade, ...]:
        """All trades in order of entry, the open ones included, numbered through."""
        open_fills: dict[int, list[LegFill]] = {}
        found: list[list[LegFill]] = []
        for fill in self.fills:
            if fill.leg not in open_fills:
                open_fills[fill.leg] = [fill]
                found.append(open_fills[fill.leg])
            else:
                open_fills[fill.leg].append(fill)
            if fill.shares_after == 0.0:
                del open_fills[fill.leg]
        return tuple(
            _trade(number, fills, self._last[fills[0].leg]) for number, fills in enumerate(found)
        )


def result_of(
    sharing: Sharing, legs: Sequence[Leg], calendar: Calendar, account: Account
) -> PortfolioResult:
    """The curves of an account that was walked to its end."""
    bars = len(calendar)
    cash_curves = account.cash_curves(bars)
    values, earned = np.empty((len(legs), bars)), np.zeros((len(legs), bars))
    for fill in account.fills:
        earned[fill.leg, fill.bar] -= fill.price * fill.shares + fill.fee
    np.add.accumulate(earned, axis=1, out=earned)
    cash, held, gross, positions = np.zeros((4, bars))
    for each in cash_curves:
        cash += each
    for number, shares in enumerate(account.shares_curves(bars)):
        value = np.multiply(
            shares, calendar.known(number, legs[number].bars.close), out=values[number]
        )
        held += value
        gross += np.abs(value)
        positions += shares != 0
    earned += values
    path = np.empty(bars + 1)
    path[0] = sharing.terms.initial_capital
    np.add(held, cash, out=path[1:])
    opened = sum(1 for fill in account.fills if fill.shares == fill.shares_after)
    return PortfolioResult(
        calendar=calendar,
        equity_curve=path[1:],
        cash_curve=cash,
        held_curve=held,
        gross_curve=gross,
        positions_curve=positions.astype(int),
        values=values,
        sleeves=values + np.array(cash_curves) if sharing.mode == "sleeves" else None,
        earned=earned,
        interest=account.interest,
        borrow_fees=account.borrow_fees,
        fills=tuple(account.fills),
        left_out=tuple(account.left_out),
        metrics=measure(path, sharing.terms.periods_per_year, opened),
        _last=tuple(
            (of.item(-1), leg.bars.close.item(-1))
            for of, leg in zip(calendar.bar_of, legs, strict=True)
        ),
    )


def _trade(number: int, fills: list[LegFill], last: tuple[int, float]) -> LegTrade:
    """One position from its first fill to its last; an open one is marked to the leg's last close."""
    first, is_open = fills[0], fills[-1].shares_after != 0.0
    if is_open:
        bar, price = last
        fills = [
            *fills,
            LegFill(
                bar, first.leg, "close", "end_of_data", price, -fills[-1].shares_after, 0.0, 0.0
            ),
        ]
    side = 1.0 if first.shares > 0 else -1.0
    opened = [fill for fill in fills if fill.shares * side > 0]
    closed = [fill for fill in fills if fill.shares * side < 0]
    size = sum(abs(fill.shares) for fill in opened)
    entry_price, exit_price = _mean_price(opened, size), _mean_price(closed, size)
    entry_fees, exit_fees = sum(fill.fee for fill in opened), sum(fill.fee for fill in closed)
    pnl_abs = side * (exit_price - entry_price) * size - entry_fees - exit_fees
    trade = Trade(
        trade_no=number,
        side="BUY" if side > 0 else "SELL",
        size=size,
        entry_bar=first.bar,
        entry_at=first.at,
        entry_price=entry_price,
        entry_fees=entry_fees,
        exit_bar=fills[-1].bar,
        exit_at=fills[-1].at,
        exit_price=exit_price,
        exit_fees=exit_fees,
        pnl_abs=pnl_abs,
        pnl_pct=pnl_abs / (entry_price * size) * 100.0,
        exit_reason=fills[-1].reason,
        is_open=is_open,
    )
    return LegTrade(first.leg, trade, len(fills) - 2)


def _mean_price(fills: list[LegFill], size: float) -> float:
    if len(fills) == 1:
        return fills[0].price
    return sum(fill.price * abs(fill.shares) for fill in fills) / size
