"""A portfolio: signals of completed runs, or ranked assets, traded in one account, with a run's metrics."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from adapters.metrics.curves import AccountRates, excursions
from adapters.metrics.measured import Measured
from adapters.metrics.moments import Array
from adapters.metrics.table import Performance, performance
from adapters.money import money_decimals
from adapters.prices.bars import bar_dates
from adapters.prices.packing import PackedPrices, benchmark_closes, benchmark_note
from adapters.runs.series import decode_signals, encode_trades, packed_json
from consumer.course import course
from consumer.kinds.backtest import TRADE_FIELDS, columns_of
from consumer.kinds.setup import Setup, metric_inputs_of
from contracts.portfolio_request import PortfolioRequest, Sharing
from contracts.run_request import DEFAULT_CAPITAL, RunRequest
from contracts.values import Json, without
from engine.bars import check_bars
from engine.engine import BacktestEngine
from portfolio.legs import Calendar, Leg
from portfolio.result import LegTrade, PortfolioResult
from portfolio.sharing import SharingTerms
from portfolio.walk import trade_together
from rules.formula.evaluation import series_of
from rules.formula.graph import Kind

WEIGHT_BARS = 120  # at most, evenly spaced up to the last one, whose weights are stored
MAX_LEFT_OUT = 1000  # orders that are stored; all are counted
# legs that are correlated; of more, those that earned or lost most
CORRELATED = 30


@dataclass(frozen=True)
class LegRun:
    """The run of a leg: its request with its prices, and the signals of its rule; of a ranked one none."""

    setup: Setup
    signals: Array

    @classmethod
    def of(
        cls, request: RunRequest, packed: PackedPrices, signals_json: str | None = None
    ) -> "LegRun":
        """Decode the run as it is stored."""
        setup = Setup.of(request, packed)
        signals = np.zeros(len(setup.prices.traded), dtype=np.int8)
        for bar, signal, _ in decode_signals(signals_json) if signals_json else ():
            signals[bar] = signal
        return cls(setup, signals)

    def leg(self, last_time: Any, weight: float | None, sharing: Sharing) -> Leg:
        """Return the leg of a portfolio whose last bar is at `last_time`."""
        setup, prices, engine = self.setup, self.setup.prices, self.setup.engine
        bars, first_bar = check_bars(setup.bars), prices.first_bar  # type: ignore[arg-type]
        traded, window = bars.since(first_bar), (sharing.volatility_bars or -1) + 1
        inputs = tuple(sharing.inputs.items())

        def line(text: str | None, kind: Kind = "number") -> Array | None:
            return series_of(text, setup.bars, kind, inputs)[first_bar:] if text else None

        keep = line(sharing.keep, "condition")
        return Leg(
            ticker=setup.request.ticker,
            times=prices.traded.timestamps,
            bars=traded,
            signals=engine.orders(traded, self.signals),
            stops=engine.stops_on(traded, self.signals),
            priority=line(sharing.priority),
            weight=weight or 1.0,
            before=bars.close[max(first_bar - window, 0) : first_bar],
            ends=bool(prices.last_time < last_time),
            score=line(sharing.score),
            keep=None if keep is None else keep > 0,
        )


class PortfolioTrading:
    """Legs that are traded together, and everything that is stored of the result."""

    def __init__(self, request: PortfolioRequest, runs: Sequence[LegRun]) -> None:
        first = runs[0].setup
        self._request, self._runs, self.rates = request, runs, first.engine.rates
        capital = float(request.terms.get("initial_capital", DEFAULT_CAPITAL))
        self.terms = replace(first.request, initial_capital=capital)
        last_time = max(run.setup.prices.traded.timestamps[-1] for run in runs)
        self.legs = [
            run.leg(last_time, leg.weight, request.sharing)
            for run, leg in zip(runs, request.legs, strict=True)
        ]
        self._per_year = first.request.bars_per_year or Calendar(self.legs).bars_per_year(
            [run.setup.prices.bars_per_year for run in runs]
        )
        self.result = self._trade_legs(
            replace(first.engine, initial_capital=capital, periods_per_year=self._per_year)
        )
        self.times = self.result.calendar.times.astype("M8[s]").view(np.int64)
        self.benchmark = benchmark_closes(first.prices.packed, self.times)

    def _trade_legs(self, terms: BacktestEngine) -> PortfolioResult:
        formulas = ("priority", "score", "keep", "inputs")
        shared = without(asdict(self._request.sharing), formulas)
        has_loans = shared["max_gross_pct"] > 100.0
        accrual = partial(_accrue, self.rates, has_loans) if self.rates else None
        sharing = SharingTerms(terms=terms, accrual=accrual, **shared)
        course.mark("engine")
        return trade_together(sharing, self.legs, self.terms.liquidate_below_pct)

    @cached_property
    def held_equally(self) -> Array:
        """Value of 1 that bought each asset in equal parts at its first bar and kept it, (bars,)."""
        closes = {
            leg.ticker: self.result.calendar.spread(n, leg.bars.close)
            for n, leg in enumerate(self.legs)
        }
        grown = [
            np.where(close > 0, close / close[close > 0][0], 1.0) for close in closes.values()
        ]
        mean: Array = np.add.reduce(grown) / len(grown)
        return mean

    @cached_property
    def trades(self) -> list[Json]:
        """All trades by the names of their fields, with their excursions."""
        return [self._trade(trade) for trade in self.result.trades]

    def _trade(self, trade: LegTrade) -> Json:
        values = {name: getattr(trade.trade, name) for name in TRADE_FIELDS}
        columns = self._runs[trade.leg].setup.prices.traded.columns
        leg_bar = self.result.calendar.bar_of[trade.leg].searchsorted
        on_leg_bars = values | {
            name: leg_bar(values[name]).item() for name in ("entry_bar", "exit_bar")
        }
        return values | excursions(on_leg_bars, columns["High"], columns["Low"])

    def columns(self) -> Json:
        """Columns of the row of the portfolio's Job."""
        return {
            **columns_of(self.performance, self.result, self.trades, self.times, self.terms),
            "trades_json": encode_trades(self.trades, [], self._notes()),
            **self.versions,
        }

    @property
    def versions(self) -> dict[str, str]:
        """Versions of engine and analysis, and the joint hash of all prices."""
        hashes = [str(run.setup.prices.packed.data_hash) for run in self._runs]
        joint_hash = hashlib.sha256(" ".join(hashes).encode()).hexdigest()
        joint = {"data_hash": joint_hash if len({*hashes}) > 1 else hashes[0]}
        return self._runs[0].setup.versions | joint

    @cached_property
    def performance(self) -> Performance:
        """Metrics of the portfolio."""
        return performance(replace(self.measured, trades=self.trades))

    @property
    def measured(self) -> Measured:
        """The input of the metrics but for the trades."""
        result = self.result
        return metric_inputs_of(
            self.terms,
            result,
            self.times,
            close=self.held_equally,
            shares=result.held_curve / self.held_equally,
            positions=result.positions_curve,
            gross=result.gross_curve,
            periods_per_year=self._per_year,
            rejected_orders=len(result.left_out),
            benchmark=self.benchmark,
            interest=result.interest,
            borrow_fees=result.borrow_fees,
            rates=self.rates,
        )

    def pack(self) -> bytes:
        """Pack the series stored with the row: bars count in the joint calendar, money has the account's decimals."""
        result, decimals = self.result, money_decimals(self.terms.initial_capital)
        bars = len(result.equity_curve)
        chosen = np.unique(np.linspace(0, bars - 1, min(bars, WEIGHT_BARS)).round().astype(int))
        parts = result.values if result.sleeves is None else result.sleeves
        series = {
            "gross": result.gross_curve.round(decimals).tolist(),
            "positions": result.positions_curve.tolist(),
            "held_equally": (self.held_equally * self.terms.initial_capital)
            .round(decimals)
            .tolist(),
            "weights": {
                "bars": chosen.tolist(),
                "money": (parts[:, chosen].round(decimals) + 0.0).tolist(),
            },
            "contributions": result.earned[:, -1].tolist(),
            "interest": result.interest,
            "borrow_fees": result.borrow_fees,
            "correlations": correlated(result.earned, result.calendar.has_bar()),
            "of_trades": [[trade.leg, trade.resized] for trade in result.trades],
            "left_out": {
                "counts": Counter(order.reason for order in result.left_out),
                "first": [list(order) for order in result.left_out[:MAX_LEFT_OUT]],
            },
            "legs": [
                {"first": bars.item(0), "last": bars.item(-1), "ends": leg.ends}
                for leg, bars in self._spans
            ],
            "rebalancings": result.rebalancings,
        }
        return packed_json(series)

    @property
    def _spans(self) -> Iterator[tuple[Leg, Array]]:
        """Each leg with the bars on which it could be traded."""
        return zip(self.legs, self.result.calendar.bar_of, strict=True)

    def _notes(self) -> list[str]:
        """Notes on dates that were clipped, on legs that join late or end early, and on the benchmark."""
        dates = bar_dates(self.times, self.terms.timeframe)
        notes = [run.setup.prices.clipped for run in self._runs]
        for leg, bars in self._spans:
            if bars.item(0):
                notes.append(
                    f"{leg.ticker} joins on {dates[bars.item(0)]}, when its prices begin"
                )
            if leg.ends:
                last = dates[bars.item(-1)]
                notes.append(
                    f"The prices of {leg.ticker} end on {last}: its position was sold at that close"
                )
        packed = self._runs[0].setup.prices.packed
        notes.append(benchmark_note(packed, self.benchmark, self.times))
        return list(dict.fromkeys(filter(None, notes)))


def _accrue(
    rates: AccountRates, has_loans: bool, cash: float, borrowed: float, equity: float, days: int
) -> tuple[float, float]:
    """Interest of a pool of cash and the fees of its shorts; loans, where there are any, cost the rate that cash earns.

    borrowed: the value of the pool's shorts, which cost nothing while its equity is below zero.
    """
    if (idle := cash - borrowed) >= 0.0:
        return rates.accrued(cash, idle if borrowed else cash, days)
    loan = rates.accrued(-idle, -idle, days)[0] if has_loans else 0.0
    fee = rates.accrued(borrowed, 0.0, days)[1] if equity >= 0.0 else 0.0
    return -loan, fee


def correlated(earned: Array, has_bar: Array) -> Json:
    """Correlate the legs' profits, of each pair from one common bar to the next.

    earned: (legs, bars), money up to each bar. has_bar: (bars, legs), True where a leg can be traded. In the answer,
    legs: numbers of the correlated legs; of: rows of correlations, None for a leg without any profit or loss, and for a
    pair with fewer than two common bars.
    """
    order = np.argsort(-np.abs(earned[:, -1]), kind="stable")[:CORRELATED]
    legs = np.sort(order).tolist()
    pairs = {
        (one, other): _correlation(earned[[one, other]], has_bar[:, one] & has_bar[:, other])
        for one, other in combinations_with_replacement(legs, 2)
    }
    rows = [[pairs[min(one, other), max(one, other)] for other in legs] for one in legs]
    return {"legs": legs, "of": rows}


def _correlation(earned: Array, is_common: Array) -> float | None:
    """Correlation of the profits of two legs, (2, bars), between their common bars; None where it does not exist."""
    bars = np.flatnonzero(is_common)
    if len(bars) < 2:
        return None
    before = earned[:, bars[0] - 1] if bars[0] else np.zeros(2)
    gains = np.diff(earned[:, bars], axis=1, prepend=before[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        value: float = np.corrcoef(gains)[0, 1].round(3).item()
    return None if value != value else value
