"""Sleeves: each leg trades its own part of the capital, and money moves between them when they are rebalanced."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from portfolio.account import Account, total
from portfolio.legs import Array, Calendar, Leg
from portfolio.room import whole
from portfolio.sharing import Sharing


class Sleeves:
    """The parts of the capital. weights: (legs,), of each in the whole, as they were last set; looks: the bars on
    which they may be rebalanced."""

    def __init__(self, sharing: Sharing, legs: Sequence[Leg], calendar: Calendar) -> None:
        self._sharing, self._legs = sharing, legs
        self._bar_of: list[list[int]] = [bars.tolist() for bars in calendar.bar_of]
        self._bars = set(sharing.rebalancing_bars(calendar.times))
        self.looks = (
            range(len(calendar)) if sharing.rebalance_off_pct is not None else sorted(self._bars)
        )
        self._has_bar = calendar.has_bar()
        self._ended = np.zeros(len(legs), dtype=np.bool_)
        self.weights = self._weights(0, before=True)

    def end(self, leg: int) -> None:
        """A leg's prices end: at the next rebalancing its money goes to the others."""
        self._ended[leg] = True

    def _weights(self, bar: int, before: bool) -> Array:
        """The part of each sleeve, by what is known on a bar, or before it; those that have ended have none."""
        given = np.array([leg.weight for leg in self._legs])
        if self._sharing.volatility_bars is not None:
            given = self._inverse_volatilities(bar, self._sharing.volatility_bars, before)
        given[self._ended] = 0.0
        return given / total(given) if given.any() else given

    def _inverse_volatilities(self, bar: int, window: int, before: bool) -> Array:
        """1 / standard deviation of the last returns; of a leg with fewer of them the mean of the others."""
        find = bisect_left if before else bisect_right
        known = np.array(
            [
                _volatility(leg, find(of, bar), window)
                for leg, of in zip(self._legs, self._bar_of, strict=True)
            ]
        )
        inverse: Array = np.divide(1.0, known, out=np.zeros(len(known)), where=known > 0)
        proven = inverse[inverse > 0]
        inverse[inverse == 0] = total(proven) / len(proven) if len(proven) else 1.0
        return inverse

    def rebalance(self, bar: int, account: Account) -> None:
        """Move money between the sleeves, if it is time for it; each keeps the share of its money that is invested.

        One that cannot be traded on this bar, or has nothing left, stays as it is.
        """
        held = account.held(bar)
        equity = np.array(account.cash) + held
        if bar not in self._bars and not self._is_off(equity):
            return
        self.weights = self._weights(bar, before=self._sharing.next_open)
        moves = (self._has_bar[bar] | (held == 0)) & ((equity > 0) | (held == 0))
        parts = np.where(moves, self.weights, 0.0)
        if not parts.any():
            return
        target = parts / total(parts) * total(np.where(moves, equity, 0.0))
        gains = np.where(moves, target - equity, 0.0)
        freed = sum(
            self._reduce(leg, bar, account, gains, equity)
            for leg in np.flatnonzero(gains < 0).tolist()
        )
        wanted = np.maximum(gains, 0.0)
        if freed > 0 and (all_wanted := total(wanted)) > 0:
            for leg in np.flatnonzero(wanted).tolist():
                self._increase(leg, bar, account, freed * (wanted.item(leg) / all_wanted), equity)

    def _is_off(self, equity: Array) -> bool:
        limit_pct, whole = self._sharing.rebalance_off_pct, total(equity)
        return (
            limit_pct is not None
            and whole > 0
            and bool((np.abs(equity / whole - self.weights) * 100.0 > limit_pct).any())
        )

    def _reduce(self, leg: int, bar: int, account: Account, gains: Array, equity: Array) -> float:
        """Take money out of a sleeve, selling its part of the position; what came free after costs."""
        surplus = -gains.item(leg)
        self._scale(leg, bar, account, -surplus / equity.item(leg))
        freed: float = min(surplus, account.cash[leg])
        account.set_cash(bar, leg, account.cash[leg] - freed)
        return freed

    def _increase(
        self, leg: int, bar: int, account: Account, money: float, equity: Array
    ) -> None:
        """Give money to a sleeve, adding to its position in the proportion that is invested."""
        account.set_cash(bar, leg, account.cash[leg] + money)
        self._scale(leg, bar, account, money / equity.item(leg) if equity.item(leg) > 0 else 0.0)

    def _scale(self, leg: int, bar: int, account: Account, factor: float) -> None:
        """Change a position by a fraction of itself, as far as cash pays for it; at least one share stays."""
        shares = account.shares.item(leg)
        if not shares or not factor:
            return
        terms, adds = self._sharing.terms, factor > 0
        buys = (shares > 0) == adds
        price = account.marks.item(bar, leg) * (
            1.0 + self._sharing.slippage if buys else 1.0 - self._sharing.slippage
        )
        size = abs(shares) * abs(factor)
        if adds and buys:
            size = min(size, account.cash[leg] / (price * (1.0 + float(terms.fee_rate))))
        size = whole(size, terms)
        if not adds and not terms.fractional_shares:
            size = min(size, abs(shares) - 1.0)
        if size > 0.0:
            account.trade(
                leg,
                bar,
                "open" if self._sharing.next_open else "close",
                "rebalance",
                price,
                size if buys else -size,
            )


def _volatility(leg: Leg, known: int, window: int) -> float:
    """Standard deviation (ddof 1) of the last `window` returns of a leg after `known` of its bars; 0 if fewer."""
    earlier = 0 if leg.before is None else len(leg.before)
    closes = leg.closes[max(earlier + known - window - 1, 0) : earlier + known]
    if len(closes) <= window:
        return 0.0
    returns = closes[1:] / closes[:-1] - 1.0
    off = returns - total(returns) / window
    return float(np.sqrt(total(off * off) / (window - 1)))
