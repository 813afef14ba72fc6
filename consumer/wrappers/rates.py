"""Interest on idle cash and the fee for borrowed shares, in an account that the engine keeps without either.

Both are booked into cash before the fills of a bar, for the calendar days since the bar before, so that equity, and
sizes in percent of it, follow. docs/engine.md states the rules. The engine is frozen, so its inner names, on which this
relies, stay.
"""

from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from adapters.metrics.rates import Rates
from consumer.wrappers.exits import Array, EngineWithExits, Exits, SimulationWithExits
from engine.bars import Bars
from engine.engine import _check_number
from engine.ledger import Booked, Ledger
from engine.simulation import Simulation, Terms
from rules.prices import TIME, Prices

DAY_S = 86_400
Night = tuple[int, int]  # the first bar of a date, and its calendar days since the bar before


@dataclass(frozen=True)
class EngineWithRates(EngineWithExits):
    """The engine with exits, interest and borrow fees; without rates it is the engine with exits.

    borrow_rate: of the value of shorts, cash_rate: on idle cash; fractions per year, 0 <= x < 1. With one of them the
    data needs the bars' times, as its column Time (datetime64) or as the index of a DataFrame.
    """

    borrow_rate: float = 0.0
    cash_rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("borrow_rate", "cash_rate"):
            _check_number(name, getattr(self, name), "from 0 to below 1", lambda x: 0 <= x < 1)

    @property
    def _rates(self) -> Rates:
        return Rates(float(self.borrow_rate), float(self.cash_rate))

    @property
    def _is_plain(self) -> bool:
        return super()._is_plain and not self._rates

    def _simulation(self, bars: Bars, orders: Array, stops: Exits) -> Simulation:
        if not self._rates:
            return super()._simulation(bars, orders, stops)
        terms = self._terms
        moment = "open" if terms.next_open else "close"
        ledger = LedgerWithRates(
            terms.initial_capital, terms.fee_rate, moment, self._rates, bars.close, _nights(bars)
        )
        return SimulationWithRates(bars, orders, terms, stops, ledger)


def _nights(bars: Bars) -> list[Night]:
    dates = Prices(bars.source)[TIME][-len(bars) :] // DAY_S
    days = np.diff(dates, prepend=dates[0]).astype(int)
    first = np.flatnonzero(days)
    return list(zip(first.tolist(), days[first].tolist(), strict=True))


class LedgerWithRates(Ledger):
    """An account that is settled before each fill; close: (bars,). interest and borrow_fees are totals so far."""

    def __init__(
        self,
        initial_capital: float,
        fee_rate: float,
        moment: str,
        rates: Rates,
        close: Array,
        nights: list[Night],
    ) -> None:
        super().__init__(initial_capital, fee_rate, moment)
        self._rates, self._close, self._nights, self._settled = rates, close, nights, 0
        self._changes = [(0, 0.0, initial_capital)]  # bar, signed shares and cash after it
        self.interest = self.borrow_fees = 0.0

    def emptied(self) -> "LedgerWithRates":
        """The same account before its first bar."""
        terms = self.initial_capital, self.fee_rate, self.moment
        return LedgerWithRates(*terms, self._rates, self._close, self._nights)

    def settle(self, bar: int) -> None:
        """Book what was earned and paid until the first fill of `bar`."""
        until = bisect_right(self._nights, bar, key=itemgetter(0))
        for first, days in self._nights[self._settled : until]:
            equity = self.cash + self.shares * self._close.item(first - 1)
            interest, fee = self._rates.accrued(self.cash, equity, days)
            self.interest += interest
            self.borrow_fees += fee
            self.cash += interest - fee
            self._changes.append((first, self.shares, self.cash))
        self._settled = until

    def enter(self, bar: int, price: float, shares: float) -> None:
        """As the engine's, settled."""
        self.settle(bar)
        super().enter(bar, price, shares)
        self._changes.append((bar, self.shares, self.cash))

    def leave(self, bar: int, price: float) -> None:
        """As the engine's, settled."""
        self.settle(bar)
        super().leave(bar, price)
        self._changes.append((bar, self.shares, self.cash))

    def curves(self, bars: int) -> tuple[Array, Array]:
        """As the engine's, settled to the last bar."""
        self.settle(bars - 1)
        return super().curves(bars)

    def _columns(self) -> Booked:
        bars, shares, cash = zip(*self._changes, strict=True)
        return Booked(
            np.array(bars[1:], dtype=np.intp), np.empty(0), np.array(shares), np.array(cash)
        )


def carried(ledger: Ledger) -> tuple[float, float]:
    """Interest earned and borrow fees paid over a whole run, of whichever engine."""
    return (
        (ledger.interest, ledger.borrow_fees)
        if isinstance(ledger, LedgerWithRates)
        else (0.0, 0.0)
    )


class SimulationWithRates(SimulationWithExits):
    """Each order is sized by the cash of its own bar, since cash changes while nothing is traded."""

    ledger: LedgerWithRates

    def __init__(
        self, bars: Bars, signals: Array, terms: Terms, stops: Exits, ledger: LedgerWithRates
    ) -> None:
        super().__init__(bars, signals, terms, stops)
        self.ledger = ledger

    def _enter(self, order: int, stop: int) -> bool:
        for each in range(order, stop):
            self.ledger.settle(self._bar[each])
            if super()._enter(each, each + 1):
                return True
        return False
