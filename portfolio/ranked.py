"""Rotation: at each rebalancing the legs with the highest scores are bought, and those with the lowest sold short.

A rank reads the last bar of each leg up to the close of the rebalancing bar. Orders fill as those of a signal of that
bar: at its close or at the next open, those of a leg without a bar then on its next one.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engine.simulation import SHARE_ROUNDING
from portfolio.account import Account, LeftOut, Rebalancing, total
from portfolio.legs import Array, Calendar, Leg
from portfolio.sharing import DUST, SharingTerms, tradable
from portfolio.sleeves import inverse_volatilities

TABLE_ROWS = 50  # of each rebalancing; legs with a position before or after it come in any case


class Ranks:
    """Ranks of the legs at the closes of `bars`, (rows,), each in a row of (rows, legs).

    ended: True where the prices of a leg have ended before; eligible: where it has a rank.
    """

    def __init__(self, sharing: SharingTerms, legs: Sequence[Leg], calendar: Calendar) -> None:
        self._sharing, self._legs, self._calendar = sharing, legs, calendar
        self.places = (sharing.top or 0) + (sharing.bottom or 0)
        self.bars = np.array([0, *calendar.period_starts(sharing.rebalance)])
        scores, keeps = list[Array](), list[Array]()
        for number, leg in enumerate(legs):
            assert leg.score is not None
            scores.append(calendar.latest(number, leg.score, self.bars, np.nan))
            keep = np.ones(len(leg.times)) if leg.keep is None else leg.keep
            keeps.append(calendar.latest(number, keep, self.bars, 0.0))
        self._scores = np.array(scores).T
        self.ended = np.array(calendar.ends(legs)) < self.bars[:, None]
        self.eligible = (np.array(keeps).T > 0) & ~np.isnan(self._scores) & ~self.ended

    def weigh(self, row: int, sides: Array) -> tuple[Array, Array]:
        """Return the ranked legs, the best first, and the signed weight of each leg, (legs,).

        sides: (legs,), the side of each position. Weights add up to at most 1, less where legs are missing.
        """
        sharing, scores, eligible = self._sharing, self._scores[row], self.eligible[row]
        ranked = np.argsort(np.where(eligible, -scores, np.nan), kind="stable")
        order = others = ranked[: np.count_nonzero(eligible)]
        weights = np.zeros(len(scores))
        for side, count in ((1, sharing.top or 0), (-1, sharing.bottom or 0)):
            may = others[scores[others] * side > 0] if sharing.weights == "score" else others
            chosen = self._choose(may[::side], sides == side, count)
            if len(chosen):
                weights[chosen] = side * self._parts(row, chosen)
            others = others[weights[others] == 0]
        return order, weights

    def _choose(self, order: Array, keeps: Array, count: int) -> Array:
        """Return the chosen legs, in their order: those to keep within the buffer, then the best of the others."""
        first = order[: count + self._sharing.buffer]
        stay = first[keeps[first]][:count]
        enter = order[~np.isin(order, stay)][: count - len(stay)]
        return np.sort(np.concatenate((stay, enter)))

    def _parts(self, row: int, legs: Array) -> Array:
        """Return the weights of the chosen legs of one side; they have no more than its places."""
        sharing = self._sharing
        parts = np.ones(len(legs))
        if sharing.weights == "score":
            parts = np.abs(self._scores[row, legs])
        elif sharing.weights == "inverse_volatility":
            assert sharing.volatility_bars is not None
            bar = self.bars[row]
            counts = [int(self._calendar.bar_of[leg].searchsorted(bar, "right")) for leg in legs]
            chosen = [self._legs[leg] for leg in legs]
            parts = inverse_volatilities(chosen, counts, sharing.volatility_bars)
        return parts / total(parts) * (len(legs) / self.places)

    def table(self, row: int, order: Array, before: Array, weights: Array) -> Rebalancing:
        """Return the table of a rebalancing. before: (legs,), the side of each position until then."""
        scores, eligible = self._scores[row], self.eligible[row]
        ranks = np.full(len(weights), len(weights))
        ranks[order] = np.arange(len(order))
        legs = np.argsort(ranks, kind="stable")
        is_traded = (before != 0) | (weights != 0)
        legs = legs[(np.arange(len(legs)) < TABLE_ROWS) | is_traded[legs]]
        whys = self._whys(row, ranks, before, weights)
        return Rebalancing(
            self.bars.item(row),
            legs.tolist(),
            [ranks.item(leg) if eligible[leg] else None for leg in legs],
            [None if np.isnan(each) else float(f"{each:.8g}") for each in scores[legs]],
            before[legs].tolist(),
            weights[legs].round(6).tolist(),
            whys[legs].tolist(),
        )

    def _whys(self, row: int, ranks: Array, before: Array, weights: Array) -> Array:
        """Return the reason why each leg is chosen or not, (legs,), as of Rebalancing."""
        sharing, scores, eligible = self._sharing, self._scores[row], self.eligible[row]
        last = np.count_nonzero(eligible) - (sharing.bottom or 0)
        is_first = np.where(weights > 0, ranks < (sharing.top or 0), ranks >= last)
        stays = before * weights > 0
        side = np.where(before, before, np.where((scores < 0) & bool(sharing.bottom), -1, 1))
        has_sign = (sharing.weights != "score") | (scores * side > 0)
        reasons = {
            "ended": self.ended[row],
            "no_score": np.isnan(scores),
            "keep": ~eligible,
            "stays": stays & is_first,
            "buffer": stays,
            "enters": weights != 0,
            "sign": ~has_sign,
        }
        return np.select([*reasons.values()], [*reasons], "rank")


class Rotation(Account):
    """Account whose positions follow from ranks. due: (legs,), True where a leg has not been traded to its target."""

    def __init__(self, sharing: SharingTerms, legs: Sequence[Leg], calendar: Calendar) -> None:
        super().__init__(sharing, legs, calendar)
        self._ranks = Ranks(sharing, legs, calendar)
        fills = (self._ranks.bars + sharing.next_open).tolist()
        self._row_of = {bar: row for row, bar in enumerate(fills) if bar < len(calendar)}
        self.rebalance_bars = [*self._row_of]
        self._has_bar, self._ends = calendar.has_bar(), np.array(calendar.ends(legs))
        self._weights = np.zeros(len(legs))
        self._due = np.zeros(len(legs), dtype=np.bool_)
        self._paid_out = np.zeros(len(legs))

    def pay_out(self, leg: int, bar: int) -> None:
        """Turn a leg's position into cash, since its prices end; the next ranks name it as one that left."""
        self._paid_out[leg] = self.shares[leg]
        super().pay_out(leg, bar)

    def rebalance(self, bar: int) -> None:
        """Set new targets by the ranks if it is time, and trade the due legs that have a bar towards their targets."""
        if bar in self._row_of:
            self._rank(self._row_of[bar], self._ends < bar)
        self._due &= self._ends >= bar
        now = self._due & self._has_bar[bar]
        if now.any():
            self._trade(bar, now)
        self.goes_on = bool(self._due.any()) and bar + 1 not in self._row_of

    def eligible_held(self) -> tuple[Array, Array]:
        """Return what 1 is worth with all eligible legs held equally, and how much of it is in them, (bars,) each.

        They change with the ranks, without costs. While they are fewer than the rotation's places, the rest is cash.
        """
        calendar, starts = self.calendar, self._ranks.bars.tolist()
        closes, growth = calendar.marks(self.legs, False), np.ones(len(calendar))
        if accrual := self.sharing.accrual:
            rates = [accrual(1.0, 0.0, 1.0, days)[0] for days in calendar.nights.tolist()]
            growth = np.multiply.accumulate(1.0 + np.array(rates))
        worth, in_legs = np.ones(len(closes)), np.zeros(len(closes))
        for row, (first, last) in enumerate(pairwise([*starts, len(closes) - 1])):
            bars = slice(first, last + 1)
            paths = closes[bars, self._ranks.eligible[row]].T
            part = worth[first] / max(len(paths), self._ranks.places)
            in_legs[bars] = part * np.add.reduce(paths / paths[:, :1], initial=0.0)
            cash = worth[first] - part * len(paths)
            worth[bars] = in_legs[bars] + cash * growth[bars] / growth[first]
        return worth, in_legs

    def _rank(self, row: int, has_ended: Array) -> None:
        """Set new targets; with "ranking" only if other legs are chosen. has_ended: (legs,), when orders fill."""
        # a leg that was paid out since the last ranks still counts as a position
        sides = np.sign(np.where(has_ended, self._paid_out, self.shares)).astype(int)
        order, weights = self._ranks.weigh(row, sides)
        is_same = np.array_equal(np.sign(weights), np.sign(self._weights))
        if self.sharing.rebalance == "ranking" and is_same:
            return
        self.rebalancings.append(self._ranks.table(row, order, sides, weights))
        self._paid_out[weights == 0] = 0.0
        self._weights = weights
        self._due = (weights != 0) | (self.shares != 0)

    def _trade(self, bar: int, now: Array) -> None:
        """Trade these legs, first those that shrink.

        A leg whose growth lacks cash stays due while another one that shrinks has no bar yet.
        """
        sharing, marks = self.sharing, self.marks[bar]
        equity = max(self.cash[0] + total(self.position_values(bar)), 0.0)
        prices = np.where(
            self._weights > 0, sharing.slipped(marks, True), sharing.slipped(marks, False)
        )
        money = equity * sharing.terms.position_size / 100.0 * np.abs(self._weights)
        # a leg has no price before its first bar
        with np.errstate(divide="ignore", invalid="ignore"):
            bought, worth, least = money / prices, money / marks, DUST * equity / marks
        if not sharing.terms.fractional_shares:
            bought, worth = np.floor(bought + SHARE_ROUNDING), np.floor(worth + SHARE_ROUNDING)
        sizes, stays = np.abs(self.shares), self._weights * self.shares > 0
        excess = sizes - np.where(stays, worth, 0.0)
        shrinks = excess > np.where(stays, least, 0.0)
        lacking = bought - np.where(stays, sizes, 0.0)
        grows = np.where(stays, lacking > least, self._weights != 0)
        for leg in np.flatnonzero(now & shrinks).tolist():
            shares, size = self.shares.item(leg), excess.item(leg)
            price = sharing.slipped(marks.item(leg), shares < 0)
            reason = "ranking" if size == abs(shares) else "rebalance"
            self.trade(leg, bar, sharing.moment, reason, price, -size if shares > 0 else size)
        self._due &= ~now
        legs = np.flatnonzero(now & grows)
        if len(legs):
            waits = bool((self._due & shrinks).any())
            self._grow(bar, legs, np.array((lacking, prices, least))[:, legs], waits)

    def _grow(self, bar: int, legs: Array, orders: Array, waits: bool) -> None:
        """Buy, or sell short, what targets lack; money that does not suffice for all is divided in proportion.

        orders: (3, legs), the shares, their price, and shares that are dust. waits: True while another leg is still to
        be sold.
        """
        terms = self.sharing.terms
        shorts = np.maximum(-self.position_values(bar), 0.0)
        idle = max(self.cash[0] - 2.0 * total(shorts), 0.0)
        needs = orders[0] * orders[1]
        caps = idle * (needs / (total(needs) or 1.0)) / (orders[1] * (1.0 + terms.fee_rate))
        rows = np.vstack((orders, caps)).T.tolist()
        for leg, (size, price, dust, cap) in zip(legs.tolist(), rows, strict=True):
            side = 1.0 if self._weights[leg] > 0 else -1.0
            shares, has_position = tradable(min(size, cap), terms), bool(self.shares[leg])
            self._due[leg] = waits and cap < size
            if shares > dust:
                reason = "rebalance" if has_position else "ranking"
                self.trade(leg, bar, self.sharing.moment, reason, price, side * shares)
            elif not (has_position or self._due[leg]):
                short_of = "cash_below_one_share" if size else "budget_below_one_share"
                reason = "no_cash" if size and cap <= dust else short_of
                self.left_out.append(LeftOut(bar, leg, "BUY" if side > 0 else "SELL", reason))
