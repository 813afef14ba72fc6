"""Sleeves: each leg trades its own part of the capital, and money moves between them when they are rebalanced."""

from collections.abc import Sequence
from math import inf

import numpy as np

from portfolio.account import Account, total
from portfolio.legs import Array, Calendar, Leg
from portfolio.sharing import BuyingPower, SharingTerms, tradable


class Sleeves(Account):
    """Account of which each leg trades a part. weights: (legs,), of each in the whole, as they were last set."""

    def __init__(self, sharing: SharingTerms, legs: Sequence[Leg], calendar: Calendar) -> None:
        self._ended = np.zeros(len(legs), dtype=np.bool_)
        self._has_bar = calendar.has_bar()
        self._periodic = set(calendar.period_starts(sharing.rebalance))
        self._tolerance_pct = sharing.rebalance_off_pct or inf
        is_periodic_only = self._tolerance_pct == inf
        self.rebalance_bars = sorted(self._periodic) if is_periodic_only else range(len(calendar))
        self.weights = _weights(sharing, legs, self._has_bar[:0], self._ended)
        super().__init__(sharing, legs, calendar, self.weights.tolist())

    def pay_out(self, leg: int, bar: int) -> None:
        """Turn a leg's position into cash, since its prices end; the next rebalancing gives its money to the others."""
        super().pay_out(leg, bar)
        self._ended[leg] = True

    def buying_powers(self, bar: int, legs: Sequence[int]) -> list[BuyingPower]:
        """Return the buying power for an order of each leg: the cash of its sleeve, which is flat."""
        return [BuyingPower(self.sharing, self.cash[leg], 0.0, 0.0) for leg in legs]

    def rebalance(self, bar: int) -> None:
        """Move money between the sleeves when rebalancing is due; each keeps the invested part of its money.

        A sleeve that cannot be traded on this bar, or has nothing left, is not changed.
        """
        positions = self.position_values(bar)
        equity = np.array(self.cash) + positions
        if bar not in self._periodic and not self._is_off(equity):
            return
        until_now = self._has_bar[: bar if self.sharing.next_open else bar + 1]
        self.weights = _weights(self.sharing, self.legs, until_now, self._ended)
        moves = (self._has_bar[bar] & (equity > 0)) | (positions == 0)
        parts = np.where(moves, self.weights, 0.0)
        if not parts.any():
            return
        target = parts / total(parts) * total(np.where(moves, equity, 0.0))
        gains = np.where(moves, target - equity, 0.0)
        freed = sum(
            self._reduce(leg, bar, -gains.item(leg), equity.item(leg))
            for leg in np.flatnonzero(gains < 0).tolist()
        )
        increases = np.maximum(gains, 0.0)
        all_increases = total(increases)
        for leg in np.flatnonzero(increases).tolist() if freed > 0 else ():
            money = freed * (increases.item(leg) / all_increases)
            self._increase(leg, bar, money, equity.item(leg))

    def _is_off(self, equity: Array) -> bool:
        """Return whether a sleeve's part of the equity is off its weight by more than the tolerance."""
        whole = total(equity)
        return whole > 0 and bool(
            (np.abs(equity / whole - self.weights) * 100.0 > self._tolerance_pct).any()
        )

    def _reduce(self, leg: int, bar: int, surplus: float, equity: float) -> float:
        """Take money out of a sleeve by selling a part of its position; return the money after costs."""
        self._scale(leg, bar, -surplus / equity)
        freed = min(surplus, self.cash[leg])
        self.set_cash(bar, leg, self.cash[leg] - freed)
        return freed

    def _increase(self, leg: int, bar: int, money: float, equity: float) -> None:
        """Give money to a sleeve and increase its position in proportion."""
        self.set_cash(bar, leg, self.cash[leg] + money)
        self._scale(leg, bar, money / equity if equity > 0 else 0.0)

    def _scale(self, leg: int, bar: int, factor: float) -> None:
        """Change a position by a fraction of itself, as far as cash suffices; at least one share remains."""
        shares = self.shares.item(leg)
        if not shares or not factor:
            return
        terms, adds = self.sharing.terms, factor > 0
        buys = (shares > 0) == adds
        price = self.sharing.slipped(self.marks.item(bar, leg), buys)
        size = abs(shares * factor)
        if adds and buys:
            size = min(size, self.cash[leg] / (price * (1.0 + terms.fee_rate)))
        size = tradable(size, terms)
        if not adds and not terms.fractional_shares:
            size = min(size, abs(shares) - 1.0)
        if size > 0.0:
            signed = size if buys else -size
            self.trade(leg, bar, self.sharing.moment, "rebalance", price, signed)


def _weights(sharing: SharingTerms, legs: Sequence[Leg], has_bar: Array, ended: Array) -> Array:
    """Return each sleeve's part of the whole; has_bar: (bars, legs), of the past bars. A leg that ended gets none."""
    weights = np.array([leg.weight for leg in legs])
    if sharing.volatility_bars is not None:
        bar_counts = has_bar.sum(axis=0).tolist()
        weights = inverse_volatilities(legs, bar_counts, sharing.volatility_bars)
    weights[ended] = 0.0
    return weights / total(weights) if weights.any() else weights


def inverse_volatilities(legs: Sequence[Leg], bar_counts: Sequence[int], window: int) -> Array:
    """Return 1 / standard deviation of the last returns; for a leg with too few, the mean of the others."""
    volatilities = np.array(
        [_volatility(leg, bars, window) for leg, bars in zip(legs, bar_counts, strict=True)]
    )
    measured = 1.0 / volatilities[volatilities > 0]
    inverse = np.full(len(legs), total(measured) / len(measured) if len(measured) else 1.0)
    inverse[volatilities > 0] = measured
    return inverse


def _volatility(leg: Leg, bars: int, window: int) -> float:
    """Return the standard deviation (ddof 1) of a leg's last `window` returns after `bars` bars; 0 if fewer."""
    stop = len(leg.closes) - len(leg.bars) + bars
    closes = leg.closes[max(stop - window - 1, 0) : stop]
    if len(closes) <= window:
        return 0.0
    returns = closes[1:] / closes[:-1] - 1.0
    off = returns - total(returns) / window
    return float(np.sqrt(total(off * off) / (window - 1)))
