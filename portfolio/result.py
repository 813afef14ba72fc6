"""Result of a portfolio: curves on the joined calendar, fills, trades of all legs and what each leg earned."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from engine.metrics import measure
from engine.result import Trade
from portfolio.account import Account, LegFill


class LegTrade(NamedTuple):
    """A trade of a leg, its bars numbered on the joined calendar.

    resized: how often rebalancing changed it; then size is the total bought (of a short: sold), and prices are the
    means of what was paid and received, so that pnl_abs is still its profit.
    """

    leg: int
    trade: Trade
    resized: int


class PortfolioResult:
    """Outcome of an account; bars are those of the joined calendar.

    equity_curve, cash_curve, held_curve (signed values of all positions), gross_curve (shorts positive) and
    positions_curve (number of open ones): (bars,), after each bar's fills. values: (legs, bars), signed, of each leg's
    position; sleeves: (legs, bars), the equity of each sleeve, None in a shared account. earned: (legs, bars), money,
    profit of a leg's fills and position up to the bar; on the last bar their sum plus interest less borrow_fees is the
    portfolio's profit. fills, left_out, rebalancings: in order.
    """

    def __init__(self, account: Account) -> None:
        terms, self._legs, self.calendar = account.sharing.terms, account.legs, account.calendar
        self.fills, self.left_out = account.fills, account.left_out
        self.account, self.rebalancings = account, account.rebalancings
        self.interest, self.borrow_fees = account.interest, account.borrow_fees
        cash, shares = np.array(account.cash_curves()), np.array(account.shares_curves())
        self.positions_curve = np.count_nonzero(shares, axis=0)
        for number, leg in enumerate(self._legs):
            shares[number] *= self.calendar.spread(number, leg.bars.close)
        values = shares  # the same array, which holds values from here on
        self.cash_curve, self.held_curve, self.gross_curve = (
            np.add.reduce(parts, initial=0.0) for parts in (cash, values, np.abs(values))
        )
        self.values, self.earned = values, np.zeros(values.shape)
        for fill in self.fills:
            self.earned[fill.leg, fill.bar] -= fill.price * fill.shares + fill.fee
        np.add.accumulate(self.earned, axis=1, out=self.earned)
        self.earned += self.values
        self.sleeves = self.values + cash if account.sharing.mode == "sleeves" else None
        path = np.append(terms.initial_capital, self.held_curve + self.cash_curve)
        self.equity_curve = path[1:]
        opened = sum(fill.shares == fill.shares_after for fill in self.fills)
        self.metrics = measure(path, terms.periods_per_year, opened)

    @cached_property
    def trades(self) -> list[LegTrade]:
        """All trades in order of entry, the open ones included, numbered from 0."""
        positions: list[list[LegFill]] = []
        still_open: dict[int, list[LegFill]] = {}
        for fill in self.fills:
            if fill.leg not in still_open:
                positions.append(still_open.setdefault(fill.leg, []))
            still_open[fill.leg].append(fill)
            if fill.shares_after == 0.0:
                del still_open[fill.leg]
        for leg, fills in still_open.items():  # an open trade ends at the leg's last close
            bar, price = self.calendar.bar_of[leg].item(-1), self._legs[leg].bars.close.item(-1)
            shares = -fills[-1].shares_after
            fills.append(LegFill(bar, leg, "close", "end_of_data", price, shares, 0.0, 0.0))
        return [_trade(number, fills) for number, fills in enumerate(positions)]


def _trade(number: int, fills: list[LegFill]) -> LegTrade:
    """Make a trade of the fills of one position."""
    first, last = fills[0], fills[-1]
    side = 1.0 if first.shares > 0 else -1.0
    opened = [fill for fill in fills if fill.shares * side > 0]
    closed = [fill for fill in fills if fill.shares * side < 0]
    size = sum(abs(fill.shares) for fill in opened)
    entry_price, exit_price = _mean_price(opened, size), _mean_price(closed, size)
    entry_fees, exit_fees = (sum(fill.fee for fill in part) for part in (opened, closed))
    pnl_abs = side * (exit_price - entry_price) * size - entry_fees - exit_fees
    trade = Trade(
        trade_no=number,
        side="BUY" if side > 0 else "SELL",
        size=size,
        entry_bar=first.bar,
        entry_at=first.at,
        entry_price=entry_price,
        entry_fees=entry_fees,
        exit_bar=last.bar,
        exit_at=last.at,
        exit_price=exit_price,
        exit_fees=exit_fees,
        pnl_abs=pnl_abs,
        pnl_pct=pnl_abs / (entry_price * size) * 100.0,
        exit_reason=last.reason,
        is_open=last.reason == "end_of_data",
    )
    return LegTrade(first.leg, trade, len(fills) - 2)


def _mean_price(fills: list[LegFill], size: float) -> float:
    if len(fills) == 1:
        return fills[0].price
    return sum(fill.price * abs(fill.shares) for fill in fills) / size
