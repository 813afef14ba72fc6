"""A portfolio: the signals of runs that have ended, in one account; all that a run knows of it, and each leg's part."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
from sqlalchemy import Connection

from adapters.metrics.curves import excursions
from adapters.metrics.measured import Array
from adapters.metrics.rates import Rates
from adapters.metrics.table import Performance, performance
from adapters.money import money_decimals
from adapters.plans.correlations import correlated
from adapters.plans.portfolio import Portfolio, legs_of, portfolio_of
from adapters.plans.store import plan_row
from adapters.prices.bars import bar_dates
from adapters.prices.packing import PackedPrices, benchmark_closes, benchmark_note
from adapters.prices.store import packed_prices
from adapters.runs.stored_series import decode_signals, encode_trades, packed_json
from adapters.tables import RUN
from consumer.kinds.backtest import TRADE_FIELDS, Outcome, columns_of
from consumer.kinds.setup import Setup, measured_of
from contracts.errors import BadParams
from contracts.portfolio_request import PortfolioRequest
from contracts.portfolio_request import Sharing as Asked
from contracts.run_request import DEFAULT_CAPITAL, RunRequest
from contracts.status import PlanKind, RunStatus
from contracts.values import Json, without
from engine.bars import check_bars
from engine.engine import BacktestEngine
from portfolio.legs import Calendar, Leg
from portfolio.result import LegTrade, PortfolioResult
from portfolio.sharing import SharingTerms
from portfolio.walk import trade_together
from rules.formula.evaluation import series_of

WEIGHED = 120  # bars of which the weights are kept, evenly, the last one among them
MAX_LEFT_OUT = 1000  # orders that are listed; all are counted


@dataclass(frozen=True)
class LegRun:
    """The run of a leg: its request on its prices, and what its rule said."""

    setup: Setup
    signals: Array

    @classmethod
    def of(cls, request: RunRequest, packed: PackedPrices, signals_json: str) -> "LegRun":
        """The run as it is stored."""
        setup = Setup.of(request, packed)
        signals = np.zeros(len(setup.prices.traded), dtype=np.int8)
        for bar, signal, _ in decode_signals(signals_json):
            signals[bar] = signal
        return cls(setup, signals)

    def leg(self, last_time: Any, weight: float | None, asked: Asked) -> Leg:
        """The leg of a portfolio whose last bar is at `last_time`."""
        setup, prices, engine = self.setup, self.setup.prices, self.setup.engine
        bars, first_bar = check_bars(setup.read), prices.first_bar  # type: ignore[arg-type]
        traded, window = bars.since(first_bar), (asked.volatility_bars or -1) + 1
        return Leg(
            ticker=setup.request.ticker,
            times=prices.traded.timestamps,
            bars=traded,
            signals=np.minimum(self.signals, np.int8(0)) if engine.short_only else self.signals,
            stops=engine.stops_on(traded, self.signals),
            priority=series_of(asked.priority, setup.read)[first_bar:]
            if asked.priority
            else None,
            weight=weight or 1.0,
            before=bars.close[max(first_bar - window, 0) : first_bar],
            ends=bool(prices.last_time < last_time),
        )


def portfolio(connection: Connection, portfolio_id: str) -> Outcome:
    """What the legs of a portfolio come to. PlatformError for a leg whose run has no signals any more."""
    plan = portfolio_of(plan_row(connection, PlanKind.PORTFOLIO, portfolio_id))
    traded = Traded(plan.request, _legs(connection, plan))
    return Outcome(
        traded.columns(), portfolio=traded.packed(), failed_metrics=traded.performance.failed
    )


def _legs(connection: Connection, plan: Portfolio) -> list[LegRun]:
    """The run of each leg, prices being read once for all that share them; those of the first have the benchmark's."""
    rows = legs_of(connection, plan.legs, RUN.request_json, RUN.signals_json)
    read = cache(partial(packed_prices, connection))
    found = list[LegRun]()
    for number, run_id in enumerate(plan.legs):
        row = rows.get(run_id)
        if row is None or row["status"] != RunStatus.SUCCEEDED or row["signals_json"] is None:
            raise BadParams(
                f"legs[{number}]: its run {run_id} has no signals any more; submit the portfolio again"
            )
        request = RunRequest.from_json(json.loads(row["request_json"]))
        packed = read(request.ticker, request.timeframe, request.data_hash)
        if request.benchmark and not found:
            beside = read(request.benchmark, request.timeframe, request.benchmark_hash)
            packed = replace(packed, benchmark=beside)
        found.append(LegRun.of(request, packed, row["signals_json"]))
    return found


class Traded:
    """Legs that were traded together, and what is made of it."""

    def __init__(self, request: PortfolioRequest, runs: Sequence[LegRun]) -> None:
        first = runs[0].setup
        self._request, self._runs, self._rates = request, runs, first.engine.rates
        capital = float(request.terms.get("initial_capital", DEFAULT_CAPITAL))
        self._run = replace(first.request, initial_capital=capital)
        last_time = max(run.setup.prices.traded.timestamps[-1] for run in runs)
        self.legs = [
            run.leg(last_time, leg.weight, request.sharing)
            for run, leg in zip(runs, request.legs, strict=True)
        ]
        self._per_year = first.request.bars_per_year or Calendar(self.legs).bars_per_year(
            [run.setup.prices.bars_per_year for run in runs]
        )
        self.result = self._traded(
            replace(first.engine, initial_capital=capital, periods_per_year=self._per_year)
        )
        self._times = self.result.calendar.times.astype("M8[s]").view(np.int64)
        self._benchmark = benchmark_closes(first.prices.packed, self._times)

    def _traded(self, terms: BacktestEngine) -> PortfolioResult:
        asked = without(asdict(self._request.sharing), ("priority",))
        has_loans = asked["max_gross_pct"] > 100.0
        accrual = partial(_accrued, self._rates, has_loans) if self._rates else None
        sharing = SharingTerms(terms=terms, accrual=accrual, **asked)
        return trade_together(sharing, self.legs, self._run.liquidate_below_pct)

    @cached_property
    def held_equally(self) -> Array:
        """What 1 became that bought each asset equally at its first bar and kept it, (bars,)."""
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
        """All trades by the names of their fields, with excursions."""
        return [self._trade(trade) for trade in self.result.trades]

    def _trade(self, trade: LegTrade) -> Json:
        values = {name: getattr(trade.trade, name) for name in TRADE_FIELDS}
        columns = self._runs[trade.leg].setup.prices.traded.columns
        own_bar = self.result.calendar.bar_of[trade.leg].searchsorted
        on_its_bars = values | {
            name: own_bar(values[name]).item() for name in ("entry_bar", "exit_bar")
        }
        return values | excursions(on_its_bars, columns["High"], columns["Low"])

    def columns(self) -> Json:
        """The columns of the row of its Job."""
        hashes = [str(run.setup.prices.packed.data_hash) for run in self._runs]
        of_all = hashlib.sha256(" ".join(hashes).encode()).hexdigest()
        return {
            **columns_of(self.performance, self.result, self.trades, self._times, self._run),
            "trades_json": encode_trades(self.trades, [], self._notes()),
            **self._runs[0].setup.versions,
            "data_hash": of_all if len({*hashes}) > 1 else hashes[0],
        }

    @cached_property
    def performance(self) -> Performance:
        """Its metrics."""
        result = self.result
        measured = measured_of(
            self._run,
            result,
            self._times,
            close=self.held_equally,
            trades=self.trades,
            shares=result.held_curve / self.held_equally,
            positions=result.positions_curve,
            gross=result.gross_curve,
            periods_per_year=self._per_year,
            rejected_orders=len(result.left_out),
            benchmark=self._benchmark,
            interest=result.interest,
            borrow_fees=result.borrow_fees,
            rates=self._rates,
        )
        return performance(measured)

    def packed(self) -> bytes:
        """What is kept beside the row; bars are numbers of the joined calendar, money has the account's decimals."""
        result, decimals = self.result, money_decimals(self._run.initial_capital)
        bars = len(result.equity_curve)
        chosen = np.unique(np.linspace(0, bars - 1, min(bars, WEIGHED)).round().astype(int))
        parts = result.values if result.sleeves is None else result.sleeves
        found = {
            "gross": result.gross_curve.round(decimals).tolist(),
            "positions": result.positions_curve.tolist(),
            "held_equally": (self.held_equally * self._run.initial_capital)
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
        }
        return packed_json(found)

    @property
    def _spans(self) -> Iterator[tuple[Leg, Array]]:
        """Each leg with the bars on which it could be traded."""
        return zip(self.legs, self.result.calendar.bar_of, strict=True)

    def _notes(self) -> list[str]:
        """Sentences on dates that were clipped, on legs that join late or end early, and on the benchmark."""
        dates = bar_dates(self._times, self._run.timeframe)
        notes = [run.setup.prices.clipped for run in self._runs]
        for leg, bars in self._spans:
            if bars.item(0):
                notes.append(f"{leg.ticker} joins on {dates[bars.item(0)]}, with its first bar")
            if leg.ends:
                last = dates[bars.item(-1)]
                notes.append(
                    f"The prices of {leg.ticker} end on {last}: what was held was sold at that close"
                )
        packed = self._runs[0].setup.prices.packed
        notes.append(benchmark_note(packed, self._benchmark, self._times))
        return list(dict.fromkeys(filter(None, notes)))


def _accrued(
    rates: Rates, has_loans: bool, cash: float, borrowed: float, equity: float, days: int
) -> tuple[float, float]:
    """What a pool of cash earns and its shorts cost; loans, where there are any, cost what cash would earn.

    borrowed: the value of the pool's shorts, which cost nothing while its equity is below zero.
    """
    if (idle := cash - borrowed) >= 0.0:
        return rates.accrued(cash, idle if borrowed else cash, days)
    loan = rates.accrued(-idle, -idle, days)[0] if has_loans else 0.0
    fee = rates.accrued(borrowed, 0.0, days)[1] if equity >= 0.0 else 0.0
    return -loan, fee
