"""Rotation as docs/portfolios.md explains it, bar by bar in plain Python: slow, and without any code of ours."""

import datetime as dt
import math
from typing import Any

DUST = 1e-9


class Reference:
    """One account.

    fills: (bar, leg, shares, price, fee). equity: of each bar. tables: (bar, chosen longs, shorts, whys by leg).
    """

    def __init__(self, legs: list[Any], terms: Any, **sharing: Any) -> None:
        self.legs, self.terms, self.sharing = legs, terms, sharing
        self.times = sorted({time for leg in legs for time in leg.times.tolist()})
        self.place = [{time: at for at, time in enumerate(leg.times.tolist())} for leg in legs]
        self.cash = terms.initial_capital
        self.shares = [0.0] * len(legs)
        self.weights = [0.0] * len(legs)
        self.due: set[int] = set()
        self.fills: list[tuple[int, int, float, float, float]] = []
        self.equity: list[float] = []
        self.tables: list[tuple[int, list[int], list[int], list[str]]] = []
        self.eligible, self.ranked, self.mix = list[int](), 0, 1.0
        self.eligible_held: list[float] = []
        for bar in range(len(self.times)):
            self.bar(bar)

    def bar(self, bar: int) -> None:
        growths = [self.close(leg, bar) / self.close(leg, self.ranked) for leg in self.eligible]
        places = max(len(growths), self.sharing["top"] + (self.sharing.get("bottom") or 0))
        gain = sum(each - 1 for each in growths) / places
        self.eligible_held.append(self.mix * (1 + gain))
        if self.is_ranked(bar):
            self.eligible, self.ranked = sorted(self.scores(bar)), bar
            self.mix = self.eligible_held[-1]
        at_open = self.terms.fill == "next_open"
        if at_open:
            self.trade(bar, "open")
        if self.is_ranked(bar) and bar + at_open < len(self.times):
            self.rank(bar)
        if not at_open:
            self.trade(bar, "close")
        for leg, each in enumerate(self.legs):
            if each.ends and each.times.tolist()[-1] == self.times[bar]:
                if self.shares[leg]:
                    self.book(bar, leg, -self.shares[leg], each.bars.close.item(-1), 0.0)
                self.due.discard(leg)
        self.equity.append(
            self.cash
            + sum(self.shares[leg] * self.close(leg, bar) for leg in range(len(self.legs)))
        )

    def is_ranked(self, bar: int) -> bool:
        every = self.sharing["rebalance"]
        if bar == 0 or every == "ranking":
            return True
        return self.period(every, self.times[bar]) != self.period(every, self.times[bar - 1])

    @staticmethod
    def period(every: str, day: dt.date) -> tuple[int, ...]:
        return {
            "weekly": day.isocalendar()[:2],
            "monthly": (day.year, day.month),
            "quarterly": (day.year, (day.month - 1) // 3),
            "yearly": (day.year,),
        }[every]

    def at(self, leg: int, bar: int) -> int | None:
        """The leg's last bar up to this one."""
        for earlier in range(bar, -1, -1):
            if (at := self.place[leg].get(self.times[earlier])) is not None:
                return at
        return None

    def close(self, leg: int, bar: int) -> float:
        at = self.at(leg, bar)
        return 0.0 if at is None else self.legs[leg].bars.close.item(at)

    def scores(self, bar: int) -> dict[int, float]:
        """Of the eligible legs."""
        scores: dict[int, float] = {}
        for leg, each in enumerate(self.legs):
            at = self.at(leg, bar)
            if at is None or (each.ends and self.times[bar] > each.times.tolist()[-1]):
                continue
            if each.keep is not None and not each.keep[at]:
                continue
            if not math.isnan(each.score[at]):
                scores[leg] = each.score.item(at)
        return scores

    def rank(self, bar: int) -> None:
        scores = self.scores(bar)
        order = sorted(scores, key=lambda leg: (-scores[leg], leg))
        top, bottom = self.sharing["top"], self.sharing.get("bottom") or 0
        by_score = self.sharing["weights"] == "score"
        longs = self.choose([leg for leg in order if not by_score or scores[leg] > 0], top, 1)
        rest = [leg for leg in order if leg not in longs and (not by_score or scores[leg] < 0)]
        shorts = self.choose(rest[::-1], bottom, -1)
        chosen = ([0] * len(self.legs), self.weights)
        for leg in (*longs, *shorts):
            chosen[0][leg] = 1 if leg in longs else -1
        signs = [(weight > 0) - (weight < 0) for weight in self.weights]
        if self.sharing["rebalance"] == "ranking" and chosen[0] == signs:
            return
        self.tables.append((bar, longs, shorts, self.whys(bar, order, scores, longs, shorts)))
        self.weights = [0.0] * len(self.legs)
        for legs, sign in ((longs, 1), (shorts, -1)):
            parts = self.parts(legs, scores, bar)
            for leg, part in zip(legs, parts, strict=True):
                whole = len(legs) / (top + bottom)
                self.weights[leg] = sign * part / sum(parts) * whole
        self.due = {leg for leg in range(len(self.legs)) if self.weights[leg] or self.shares[leg]}

    def whys(
        self,
        bar: int,
        order: list[int],
        scores: dict[int, float],
        longs: list[int],
        shorts: list[int],
    ) -> list[str]:
        whys = []
        for leg, each in enumerate(self.legs):
            at = self.at(leg, bar)
            before = (self.shares[leg] > 0) - (self.shares[leg] < 0)
            if each.ends and self.times[bar] > each.times.tolist()[-1]:
                whys.append("ended")
            elif at is None or math.isnan(each.score[at]):
                whys.append("no_score")
            elif leg not in scores:
                whys.append("keep")
            elif leg in longs:
                place = "stays" if order.index(leg) < self.sharing["top"] else "buffer"
                whys.append(place if before > 0 else "enters")
            elif leg in shorts:
                place = "stays" if order[::-1].index(leg) < self.sharing["bottom"] else "buffer"
                whys.append(place if before < 0 else "enters")
            else:
                side = before or (-1 if scores[leg] < 0 and self.sharing.get("bottom") else 1)
                by_score = self.sharing["weights"] == "score"
                whys.append("sign" if by_score and scores[leg] * side <= 0 else "rank")
        return whys

    def choose(self, order: list[int], count: int, side: int) -> list[int]:
        front = order[: count + self.sharing.get("buffer", 0)] if count else []
        stay = [leg for leg in front if self.shares[leg] * side > 0][:count]
        enter = [leg for leg in order if leg not in stay][: count - len(stay)]
        return sorted(stay + enter)

    def parts(self, legs: list[int], scores: dict[int, float], bar: int) -> list[float]:
        if self.sharing["weights"] == "score":
            return [abs(scores[leg]) for leg in legs]
        if self.sharing["weights"] == "equal":
            return [1.0] * len(legs)
        window = self.sharing["volatility_bars"]
        measured: list[float | None] = []
        for leg in legs:
            at = self.at(leg, bar)
            assert at is not None
            closes = [*self.legs[leg].before, *self.legs[leg].bars.close[: at + 1].tolist()]
            measured.append(None)
            if len(closes) > window:
                returns = [b / a - 1 for a, b in zip(closes, closes[1:], strict=False)][-window:]
                mean = sum(returns) / window
                spread = math.sqrt(sum((each - mean) ** 2 for each in returns) / (window - 1))
                measured[-1] = 1 / spread if spread > 0 else None
        numbers = [each for each in measured if each is not None]
        mean = sum(numbers) / len(numbers) if numbers else 1.0
        return [mean if each is None else each for each in measured]

    def trade(self, bar: int, moment: str) -> None:
        now = [leg for leg in sorted(self.due) if self.times[bar] in self.place[leg]]
        if not now:
            return
        marks = []
        for leg, each in enumerate(self.legs):
            at = self.place[leg].get(self.times[bar])
            has_open = moment == "open" and at is not None
            marks.append(each.bars.open.item(at) if has_open else self.close(leg, bar))
        equity = max(self.cash + sum(map(lambda a, b: a * b, self.shares, marks)), 0.0)
        slippage = self.terms.slippage_bps / 10_000
        budget = equity * self.terms.position_size / 100

        def shrinks(leg: int) -> float:
            """The shares that are too many."""
            have, weight = self.shares[leg], self.weights[leg]
            if have * weight <= 0:
                return abs(have)
            surplus = abs(have) - self.floor(budget * abs(weight) / marks[leg])
            return surplus if surplus > DUST * equity / marks[leg] else 0.0

        before = list(self.shares)
        waits = any(shrinks(leg) for leg in self.due if leg not in now)
        for leg in now:
            if surplus := shrinks(leg):
                side = -1 if self.shares[leg] > 0 else 1
                whole = surplus >= abs(self.shares[leg])
                size = -self.shares[leg] if whole else side * surplus
                self.book(bar, leg, size, marks[leg] * (1 + side * slippage), self.terms.fee_rate)
        growing = []
        for leg in now:
            weight = self.weights[leg]
            if not weight:
                continue
            have = abs(before[leg]) if before[leg] * weight > 0 else 0.0
            price = marks[leg] * (1 + slippage if weight > 0 else 1 - slippage)
            size = self.floor(budget * abs(weight) / price) - have
            if size > 0 and (not have or size > DUST * equity / marks[leg]):
                growing.append((leg, size, price))
        shorted = sum(-s * m for s, m in zip(self.shares, marks, strict=True) if s < 0)
        idle = max(self.cash - 2 * shorted, 0.0)
        needed = sum(size * price for _, size, price in growing)
        self.due -= set(now)
        for leg, size, price in growing:
            most = idle * (size * price / needed) / (price * (1 + self.terms.fee_rate))
            if waits and most < size:
                self.due.add(leg)
            if (bought := self.floor(min(size, most))) > DUST * equity / marks[leg]:
                side = 1 if self.weights[leg] > 0 else -1
                self.book(bar, leg, side * bought, price, self.terms.fee_rate)

    def floor(self, shares: float) -> float:
        return shares if self.terms.fractional_shares else float(math.floor(shares + 1e-9))

    def book(self, bar: int, leg: int, shares: float, price: float, fee_rate: float) -> None:
        fee = fee_rate * abs(shares * price)
        self.cash -= shares * price + fee
        self.shares[leg] += shares
        self.fills.append((bar, leg, shares, price, fee))
