"""Sleeves: each leg trades its own part of the capital, and money moves between them when they are rebalanced."""

from collections.abc import Sequence
from math import inf

import numpy as np

from portfolio.account import Account, total
from portfolio.legs import Array, Calendar, Leg
from portfolio.sharing import Room, Sharing, whole

MONTHS = {"never": 0, "monthly": 1, "quarterly": 3, "yearly": 12}


class Sleeves(Account):
    """An account of which each leg has a part. weights: (legs,), of each in the whole, as they were last set."""

    def __init__(self, sharing: Sharing, legs: Sequence[Leg], calendar: Calendar) -> None:
        self._ended = np.zeros(len(legs), dtype=np.bool_)
        self._has_bar = calendar.has_bar()
        self._periodic = set(_first_bars(calendar.times, MONTHS[sharing.rebalance]))
        self._most_off_pct = sharing.rebalance_off_pct or inf
        self.looks = sorted(self._periodic) if self._most_off_pct == inf else range(len(calendar))
        self.weights = _weights(sharing, legs, self._has_bar[:0], self._ended)
        super().__init__(sharing, legs, calendar, self.weights.tolist())

    def pay_out(self, leg: int, bar: int) -> None:
        """A leg's prices end: at the next rebalancing its money goes to the others."""
        super().pay_out(leg, bar)
        self._ended[leg] = True

    def rooms(self, bar: int, legs: Sequence[int]) -> list[Room]:
        """What an order of each of these legs may use: the cash of its sleeve, which is flat."""
        return [Room(self.sharing, self.cash[leg], 0.0, 0.0) for leg in legs]

    def rebalance(self, bar: int) -> None:
        """Move money between the sleeves, if it is time for it; each keeps the share of its money that is invested.

        One that cannot be traded on this bar, or has nothing left, stays as it is.
        """
        held = self.held(bar)
        equity = np.array(self.cash) + held
        if bar not in self._periodic and not self._is_off(equity):
            return
        known = self._has_bar[: bar if self.sharing.next_open else bar + 1]
        self.weights = _weights(self.sharing, self.legs, known, self._ended)
        moves = (self._has_bar[bar] & (equity > 0)) | (held == 0)
        parts = np.where(moves, self.weights, 0.0)
        if not parts.any():
            return
        target = parts / total(parts) * total(np.where(moves, equity, 0.0))
        gains = np.where(moves, target - equity, 0.0)
        freed = sum(
            self._reduce(leg, bar, -gains.item(leg), equity.item(leg))
            for leg in np.flatnonzero(gains < 0).tolist()
        )
        wanted = np.maximum(gains, 0.0)
        all_wanted = total(wanted)
        for leg in np.flatnonzero(wanted).tolist() if freed > 0 else ():
            money = freed * (wanted.item(leg) / all_wanted)
            self._increase(leg, bar, money, equity.item(leg))

    def _is_off(self, equity: Array) -> bool:
        whole = total(equity)
        return whole > 0 and bool(
            (np.abs(equity / whole - self.weights) * 100.0 > self._most_off_pct).any()
        )

    def _reduce(self, leg: int, bar: int, surplus: float, equity: float) -> float:
        """Take money out of a sleeve, selling its part of the position; what came free after costs."""
        self._scale(leg, bar, -surplus / equity)
        freed = min(surplus, self.cash[leg])
        self.set_cash(bar, leg, self.cash[leg] - freed)
        return freed

    def _increase(self, leg: int, bar: int, money: float, equity: float) -> None:
        """Give money to a sleeve, adding to its position in the proportion that is invested."""
        self.set_cash(bar, leg, self.cash[leg] + money)
        self._scale(leg, bar, money / equity if equity > 0 else 0.0)

    def _scale(self, leg: int, bar: int, factor: float) -> None:
        """Change a position by a fraction of itself, as far as cash pays for it; at least one share stays."""
        shares = self.shares.item(leg)
        if not shares or not factor:
            return
        terms, adds = self.sharing.terms, factor > 0
        buys = (shares > 0) == adds
        price = self.sharing.slipped(self.marks.item(bar, leg), buys)
        size = abs(shares * factor)
        if adds and buys:
            size = min(size, self.cash[leg] / (price * (1.0 + terms.fee_rate)))
        size = whole(size, terms)
        if not adds and not terms.fractional_shares:
            size = min(size, abs(shares) - 1.0)
        if size > 0.0:
            signed = size if buys else -size
            self.trade(leg, bar, self.sharing.moment, "rebalance", price, signed)


def _first_bars(times: Array, months: int) -> list[int]:
    """The first bar of each period of so many months but the first; times: datetime64, (bars,)."""
    if not months:
        return []
    periods = times.astype("datetime64[M]").astype(int) // months
    found: list[int] = (np.flatnonzero(np.diff(periods)) + 1).tolist()
    return found


def _weights(sharing: Sharing, legs: Sequence[Leg], known: Array, ended: Array) -> Array:
    """The part of each sleeve, by the known bars, (bars, legs) of which each leg has some; none of one that ended."""
    given = np.array([leg.weight for leg in legs])
    if sharing.volatility_bars is not None:
        given = _inverse_volatilities(legs, known.sum(axis=0).tolist(), sharing.volatility_bars)
    given[ended] = 0.0
    return given / total(given) if given.any() else given


def _inverse_volatilities(legs: Sequence[Leg], known: Sequence[int], window: int) -> Array:
    """1 / standard deviation of the last returns; of a leg with fewer of them the mean of the others."""
    found = np.array([_volatility(*each, window) for each in zip(legs, known, strict=True)])
    proven = 1.0 / found[found > 0]
    inverse = np.full(len(found), total(proven) / len(proven) if len(proven) else 1.0)
    inverse[found > 0] = proven
    return inverse


def _volatility(leg: Leg, known: int, window: int) -> float:
    """Standard deviation (ddof 1) of the last `window` returns of a leg after `known` of its bars; 0 if fewer."""
    stop = len(leg.closes) - len(leg.bars) + known
    closes = leg.closes[max(stop - window - 1, 0) : stop]
    if len(closes) <= window:
        return 0.0
    returns = closes[1:] / closes[:-1] - 1.0
    off = returns - total(returns) / window
    return float(np.sqrt(total(off * off) / (window - 1)))
