"""Rotation: at each rebalancing the legs with the highest scores are bought, and those with the lowest sold short.

A rank reads the last bar of each leg up to the close of the rebalancing bar. Orders fill as those of a signal of that
bar: at its close or at the next open, those of a leg without a bar then on its next one.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

import numpy as np

from engine.simulation import SHARE_ROUNDING
from portfolio.account import Account, LeftOut, RankedLeg, Rebalancing, total
from portfolio.legs import Array, Calendar, Leg
from portfolio.sharing import DUST, SharingTerms, tradable
from portfolio.sleeves import inverse_volatilities

TABLE_ROWS = 50  # of each rebalancing; legs with a position before or after it come in any case


class Ranks:
    """Scores of all legs on the bars on which they are ranked, and the selection by them."""

    def __init__(self, sharing: SharingTerms, legs: Sequence[Leg], calendar: Calendar) -> None:
        self._sharing, self._legs, self._calendar = sharing, legs, calendar
        bars = [0, *calendar.period_starts(sharing.rebalance)]
        self.bars = np.arange(len(calendar)) if sharing.rebalance == "ranking" else np.array(bars)
        self._scores = np.full((len(self.bars), len(legs)), np.nan)
        self._keeps = np.ones(self._scores.shape, dtype=np.bool_)
        for number, leg in enumerate(legs):
            assert leg.score is not None
            self._scores[:, number] = calendar.latest(number, leg.score, self.bars, np.nan)
            if leg.keep is not None:
                self._keeps[:, number] = calendar.latest(number, leg.keep, self.bars, False)
        self._lasts = np.array([bars[-1] for bars in calendar.bar_of])
        self._ends = np.array([leg.ends for leg in legs])

    def weigh(self, row: int, sides: Array) -> tuple[Array, Array]:
        """Return the ranked legs, the best first, and the signed weight of each leg, (legs,).

        sides: (legs,), the side of each position. Weights add up to at most 1, less where legs are missing.
        """
        scores, may = self._scores[row], self._may(row)
        ranked = np.argsort(np.where(may, -scores, np.nan), kind="stable")
        order = ranked[: np.count_nonzero(may)]
        longs, shorts = order, order
        if self._sharing.weights == "score":
            longs, shorts = order[scores[order] > 0], order[scores[order] < 0]
        longs = self._choose(longs, sides > 0, self._sharing.top)
        shorts = shorts[~np.isin(shorts, longs)][::-1]
        shorts = self._choose(shorts, sides < 0, self._sharing.bottom)
        weights = np.zeros(len(self._legs))
        for legs, side in ((longs, 1.0), (shorts, -1.0)):
            weights[legs] = side * self._parts(row, legs)
        return order, weights

    def ended(self, row: int) -> Array:
        """Return (legs,): True where the prices of a leg have ended."""
        ended: Array = self._ends & (self._lasts < self.bars[row])
        return ended

    def _may(self, row: int) -> Array:
        may: Array = self._keeps[row] & ~np.isnan(self._scores[row]) & ~self.ended(row)
        return may

    def _choose(self, order: Array, keeps: Array, count: int | None) -> Array:
        """Return the chosen legs, in their order: those to keep within the buffer, then the best of the others."""
        if not count:
            return order[:0]
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
        elif sharing.weights == "inverse_volatility" and len(legs):
            assert sharing.volatility_bars is not None
            bar = self.bars[row]
            counts = [int(self._calendar.bar_of[leg].searchsorted(bar, "right")) for leg in legs]
            chosen = [self._legs[leg] for leg in legs]
            parts = inverse_volatilities(chosen, counts, sharing.volatility_bars)
        places = (sharing.top or 0) + (sharing.bottom or 0)
        return parts / total(parts) * (len(legs) / places) if len(legs) else parts

    def table(self, row: int, order: Array, before: Array, weights: Array) -> Rebalancing:
        """Return the table of a rebalancing. before: (legs,), the side of each position until then."""
        ranks = np.full(len(weights), len(weights))
        ranks[order] = np.arange(len(order))
        by_rank = np.argsort(ranks, kind="stable")
        is_traded = ((before != 0) | (weights != 0))[by_rank]
        is_listed = (np.arange(len(by_rank)) < TABLE_ROWS) | is_traded
        ended, scores = self.ended(row), self._scores[row]
        legs = []
        for leg in by_rank[is_listed].tolist():
            rank = None if ranks[leg] == len(weights) else ranks.item(leg)
            score = None if np.isnan(scores[leg]) else scores.item(leg)
            each = RankedLeg(leg, rank, score, before.item(leg), weights.item(leg), "ended")
            legs.append(each if ended[leg] else each._replace(why=self._why(each, len(order))))
        return Rebalancing(self.bars.item(row), legs)

    def _why(self, each: RankedLeg, eligible: int) -> str:
        """Return the reason why a leg that has not ended is chosen or not; eligible: the number of ranks."""
        sharing, score = self._sharing, each.score
        if each.rank is None:
            return "no_score" if score is None else "keep"
        assert score is not None
        if not each.weight:
            side = each.before or (-1 if score < 0 and sharing.bottom else 1)
            return "sign" if sharing.weights == "score" and score * side <= 0 else "rank"
        if each.before * each.weight <= 0:
            return "enters"
        place = each.rank if each.weight > 0 else eligible - 1 - each.rank
        places = sharing.top if each.weight > 0 else sharing.bottom
        return "stays" if place < (places or 0) else "buffer"


class RankedWalk:
    """Simulation of one ranked portfolio. due: (legs,), True where a leg may still have to be traded to its target."""

    def __init__(self, sharing: SharingTerms, legs: Sequence[Leg], calendar: Calendar) -> None:
        self._sharing, self._legs, self._calendar = sharing, legs, calendar
        self._account = Account(sharing, legs, calendar)
        self._ranks = Ranks(sharing, legs, calendar)
        self._row_of = {bar: row for row, bar in enumerate(self._ranks.bars.tolist())}
        self._has_bar = calendar.has_bar()
        self._weights = np.zeros(len(legs))
        self._due = np.zeros(len(legs), dtype=np.bool_)
        self._reason = "ranking"
        dates = calendar.times.astype("M8[D]").astype(int)
        self._nights = np.diff(dates, prepend=dates[:1]) if sharing.accrual else dates * 0
        self._ending: dict[int, list[int]] = {}
        for number, leg in enumerate(legs):
            if leg.ends:
                self._ending.setdefault(calendar.bar_of[number].item(-1), []).append(number)

    def run(self, liquidation_bar: int | None = None) -> Account:
        """Trade all bars and return the account. liquidation_bar: the bar after whose fills everything is sold."""
        over = [] if liquidation_bar is None else [liquidation_bar]
        events = [*{*self._row_of, *self._ending, *np.flatnonzero(self._nights).tolist(), *over}]
        heapify(events)
        while events:
            bar = heappop(events)
            self._pass(bar, liquidation_bar)
            following = bar + 1
            if self._due.any() and following < len(self._calendar) and events[:1] != [following]:
                heappush(events, following)
        return self._account

    def _pass(self, bar: int, liquidation_bar: int | None) -> None:
        """Do everything that is due on a bar, in the order of its moments."""
        if nights := self._nights.item(bar):
            self._account.accrue(bar, nights)
        if self._sharing.next_open:
            self._trade(bar)
        if bar in self._row_of and (liquidation_bar is None or bar <= liquidation_bar):
            self._rank(bar)
        if not self._sharing.next_open:
            self._trade(bar)
        if bar == liquidation_bar:
            self._liquidate(bar)
        for leg in self._ending.get(bar, ()):
            self._account.pay_out(leg, bar)
            self._due[leg] = False

    def _liquidate(self, bar: int) -> None:
        """Sell everything as by a signal of this bar."""
        self._weights[:], self._reason = 0.0, "liquidation"
        self._due = self._account.shares != 0
        if not self._sharing.next_open:
            self._trade(bar)

    def _rank(self, bar: int) -> None:
        """Set new targets by the ranks at the close of a bar; with "ranking" only if other legs are chosen."""
        row = self._row_of[bar]
        sides = np.sign(self._account.shares).astype(int)
        order, weights = self._ranks.weigh(row, sides)
        is_same = np.array_equal(np.sign(weights), np.sign(self._weights))
        if self._sharing.rebalance == "ranking" and is_same:
            return
        has_ended = self._ranks.ended(row) & (self._weights != 0)
        before = np.where(has_ended, np.sign(self._weights), sides).astype(int)
        self._account.rebalancings.append(self._ranks.table(row, order, before, weights))
        self._weights = weights
        self._due = (weights != 0) | (sides != 0)

    def _trade(self, bar: int) -> None:
        """Trade the due legs that have a bar towards their targets, first those that shrink.

        A leg whose growth lacks cash stays due while another one that shrinks has no bar yet.
        """
        now = self._due & self._has_bar[bar]
        if not now.any():
            return
        account = self._account
        equity = max(account.cash[0] + total(account.position_values(bar)), 0.0)
        bought, worth, prices, least = self._targets(bar, equity)
        current = np.where(self._weights * account.shares > 0, np.abs(account.shares), 0.0)
        excess = np.abs(account.shares) - np.where(current > 0, worth, 0.0)
        shrinks = excess > np.where(current > 0, least, 0.0)
        for leg in np.flatnonzero(now & shrinks).tolist():
            self._shrink(leg, bar, excess.item(leg))
        self._due &= ~now
        waits = bool((self._due & shrinks).any())
        lacks = np.where(current > 0, bought - current > least, self._weights != 0)
        if (now & lacks).any():
            orders = np.array((bought - current, prices, least))
            self._grow(bar, np.flatnonzero(now & lacks), orders, waits)

    def _targets(self, bar: int, equity: float) -> tuple[Array, Array, Array, Array]:
        """Return the shares that each target buys, those that it is worth, fill prices, and shares that are dust."""
        sharing, marks = self._sharing, self._account.marks[bar]
        prices = np.where(
            self._weights > 0, sharing.slipped(marks, True), sharing.slipped(marks, False)
        )
        money = equity * sharing.terms.position_size / 100.0 * np.abs(self._weights)
        # a leg has no price before its first bar
        with np.errstate(divide="ignore", invalid="ignore"):
            bought, worth, least = money / prices, money / marks, DUST * equity / marks
        if not sharing.terms.fractional_shares:
            bought, worth = np.floor(bought + SHARE_ROUNDING), np.floor(worth + SHARE_ROUNDING)
        return bought, worth, prices, least

    def _shrink(self, leg: int, bar: int, size: float) -> None:
        """Sell a part of a long position, or buy back a part of a short one; all of it if the size is that."""
        shares = self._account.shares.item(leg)
        price = self._sharing.slipped(self._account.marks.item(bar, leg), shares < 0)
        is_whole = size >= abs(shares)
        signed = -shares if is_whole else (-size if shares > 0 else size)
        reason = self._reason if is_whole else "rebalance"
        self._account.trade(leg, bar, self._sharing.moment, reason, price, signed)

    def _grow(self, bar: int, legs: Array, orders: Array, waits: bool) -> None:
        """Buy, or sell short, what targets lack; money that does not suffice for all is divided in proportion.

        orders: (3, all legs), the shares, their price, and shares that are dust. waits: True while another leg is still
        to be sold.
        """
        account, terms = self._account, self._sharing.terms
        shorts = np.maximum(-account.position_values(bar), 0.0)
        idle = max(account.cash[0] - 2.0 * total(shorts), 0.0)
        sizes, prices, least = orders[:, legs]
        needs = sizes * prices
        caps = idle * (needs / (total(needs) or 1.0)) / (prices * (1.0 + terms.fee_rate))
        rows = np.array((sizes, prices, least, caps)).T.tolist()
        for leg, (size, price, dust, cap) in zip(legs.tolist(), rows, strict=True):
            side = 1.0 if self._weights[leg] > 0 else -1.0
            shares, has_position = tradable(min(size, cap), terms), bool(account.shares[leg])
            self._due[leg] = waits and cap < size
            if shares > dust:
                reason = "rebalance" if has_position else "ranking"
                account.trade(leg, bar, self._sharing.moment, reason, price, side * shares)
            elif not (has_position or self._due[leg]):
                short_of = "cash_below_one_share" if size else "budget_below_one_share"
                reason = "no_cash" if size and cap <= dust else short_of
                account.left_out.append(LeftOut(bar, leg, "BUY" if side > 0 else "SELL", reason))
