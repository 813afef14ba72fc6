"""Robustness of a run or a portfolio: its result when luck, costs, timing and numbers differ a little.

Everything is compared with a constant position: holding the run's average share of the asset all the time. The figures
describe this run on these prices. They are no test of skill; a study is one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection

from adapters.metrics.measured import Measured
from adapters.metrics.moments import Array, NoValue, average
from adapters.metrics.risk import sharpe_ratio
from adapters.metrics.table import computed
from adapters.plans.store import plan_row, spec_of
from adapters.prices.bars import bar_dates
from adapters.prices.packing import PackedPrices
from adapters.runs.queries import run_row
from adapters.runs.series import packed_json
from adapters.studies.ledger import tries_on
from adapters.studies.luck import evidence_among
from adapters.studies.resampling import luck_of_order
from adapters.studies.trials import Tries
from consumer.kinds.backtest import JobResult
from consumer.kinds.portfolio_legs import read_portfolio
from consumer.kinds.robust_sentence import robust_sentence
from consumer.kinds.setup import Setup
from consumer.kinds.varied import Strip, Varied, VariedPortfolio, VariedRun
from contracts.run_request import RunRequest
from contracts.status import Kind, PlanKind
from contracts.values import Json, frozen

if TYPE_CHECKING:
    from consumer.sealed.evaluator import Evaluator  # no other rule needs it

SEED = 1
SAMPLES = 1000
MOST_STARTS = 20  # bars by which the start is moved
BEST_TRADES = (1, 3, 5)
COST_MULTIPLES = (0, 1, 2, 3)
HALVINGS = 17  # of the interval of fees, down to less than a millionth
LARGEST_FEE = 0.0999  # fraction; the engine accepts less than 0.1
LARGEST_SLIPPAGE_BPS = 1000.0  # that the engine accepts
LEAST_MONTHS = 9  # for thirds of at least three months


def robustness(
    connection: Connection,
    robustness_id: str,
    request: RunRequest,
    packed: PackedPrices,
    evaluator: "Evaluator | None" = None,
) -> JobResult:
    """Compute a Job of this kind; PlatformError as for the run itself."""
    setup = Setup.of(request, packed, evaluator)
    run_id = spec_of(plan_row(connection, PlanKind.ROBUSTNESS, robustness_id))["run_id"]
    trials, tries = setup.trials(), Tries()
    varied: Varied = VariedRun(setup, trials)
    if run_row(connection, run_id)["kind"] == Kind.PORTFOLIO:
        varied = VariedPortfolio(*read_portfolio(connection, run_id))
    else:
        bars = setup.prices.traded.times, setup.prices.traded.columns["Close"]
        tries = tries_on(connection, trials.series, [bars])
    result = Robustness(varied, tries).to_json()
    return JobResult(
        setup.versions, of_plan=(packed_json(result), result["sentence"]), trials=trials
    )


@frozen
class Outcome:
    """A result in the figures that are compared; edge_pct: a year, over a constant position; None: it has no value."""

    return_pct: float | None
    sharpe_ratio: float | None
    max_drawdown_pct: float | None
    num_trades: int
    edge_pct: float | None

    @classmethod
    def of(cls, measured: Measured) -> "Outcome":
        """Measure a result."""
        core: Any = measured.core
        return cls(
            core["total_return_pct"],
            computed("sharpe_ratio", lambda: sharpe_ratio(measured))[0],
            core["max_drawdown_pct"],
            core["num_trades"],
            _edge_pct(measured),
        )

    @property
    def is_ahead(self) -> bool:
        """True if it did better than the constant position."""
        return (self.edge_pct or 0.0) > 0

    def to_json(self, **place: Any) -> Json:
        """Return the figures with what was varied."""
        return {**place, **asdict(self), "ahead": self.is_ahead}


def _edge_pct(measured: Measured) -> float | None:
    """Yearly return of the timing, in percent; None where the position never changed."""
    try:
        return average(measured.timed) * measured.periods_per_year * 100.0
    except NoValue:
        return None


class Robustness:
    """Variations of one result. tries: all that were tried on its bars."""

    def __init__(self, varied: Varied, tries: Tries) -> None:
        self._varied, self._measured, self._tries = varied, varied.measured, tries
        self._run = Outcome.of(self._measured)

    def to_json(self) -> Json:
        """Compute all parts; one that does not apply is null, with the reason in `notes`."""
        notes = self._varied.notes

        def part(compute: Callable[[], Any]) -> Any:
            try:
                return compute()
            except NoValue as reason:
                notes[compute.__name__] = str(reason)
                return None

        parts = (
            self.luck,
            self.tried,
            self.costs,
            self.delays,
            self.neighbours,
            self.years,
            self.thirds,
            self.without_best,
            self.starts,
        )
        request = self._varied.request
        facts = {
            "seed": SEED,
            "asset": self._varied.asset,
            "run": self._run.to_json(),
            "exposure_pct": self._exposure_pct(),
            "fee_rate": request.fee_rate,
            "slippage_bps": request.slippage_bps,
            **{compute.__name__: part(compute) for compute in parts},
        }
        return facts | {"sentence": robust_sentence(facts), "notes": notes}

    def _exposure_pct(self) -> float | None:
        if self._measured.is_ruined:
            return None
        return average(self._measured.timing.exposures) * 100.0

    def luck(self) -> Json:
        """The returns in other orders, in blocks: growth, drawdown, Sharpe ratio, and a fan of equity."""
        times = self._measured.seconds[1:]
        dates = bar_dates(times, self._varied.request.timeframe)
        return luck_of_order(self._measured, dates, SEED, SAMPLES)

    def tried(self) -> Json:
        """The Sharpe ratio of the timing as the best of all that were tried on these bars."""
        if not self._tries.excess:
            raise NoValue("the ledger has no other trial on these bars")
        run = self._measured
        return evidence_among(run.timing, run.timed, self._tries, run.periods_per_year)

    def costs(self) -> Json:
        """Multiples of the costs, and the fees at which it falls behind, and at which it earns nothing."""
        request = self._varied.request
        self._require_trades()

        @cache
        def charged(fee_rate: float) -> Outcome:
            return Outcome.of(self._varied.traded(fee_rate=fee_rate))

        multiples = [
            Outcome.of(
                self._varied.traded(
                    fee_rate=min(request.fee_rate * times, LARGEST_FEE),
                    slippage_bps=min(request.slippage_bps * times, LARGEST_SLIPPAGE_BPS),
                )
            ).to_json(times=times)
            for times in COST_MULTIPLES
        ]
        return {
            "multiples": multiples,
            "ahead_until": _largest(lambda fee: charged(fee).is_ahead),
            "earns_until": _largest(lambda fee: (charged(fee).return_pct or 0.0) > 0),
        }

    def delays(self) -> list[Json]:
        """The same orders filled later: at the next open, and one and two bars later."""
        self._require_trades()
        delayed = {
            f"{bars} bar{'s' * (bars > 1)} later": self._varied.traded(bars)
            for bars in range(1, self._varied.longest_delay + 1)
        }
        if self._varied.request.fill == "close":
            delayed = {"at the next open": self._varied.traded(fill="next_open"), **delayed}
        return [Outcome.of(each).to_json(fill=name) for name, each in delayed.items()]

    def neighbours(self) -> Json:
        """Each number a step, and 10 and 20 %, away; the other numbers unchanged."""
        numbers = [self._strip(strip) for strip in self._varied.strips() if strip[1]]
        if not numbers:
            raise NoValue("there is no number to vary; a formula's own become inputs by a name")
        around = [each for number in numbers for each in number["points"] if not each["is_run"]]
        ahead = sum(each["ahead"] for each in around)
        return {
            "numbers": numbers,
            "count": len(around),
            "ahead": ahead,
            "is_lonely": self._run.is_ahead and ahead < len(around) / 2,
        }

    def _strip(self, strip: Strip) -> Json:
        """Return the outcomes along one number, in order, with the run's own among them."""
        number, points = strip
        outcomes = [
            self._run.to_json(value=number.value, is_run=True),
            *(Outcome.of(each).to_json(value=value, is_run=False) for value, each in points),
        ]
        return {
            "name": number.name,
            "value": number.value,
            "points": sorted(outcomes, key=lambda each: each["value"]),
        }

    def years(self) -> list[Json]:
        """Return of the run and of the asset in each calendar year."""
        return [
            {"year": int(str(year)), **growth}
            for year, growth in self._growth_by(self._days.astype("M8[Y]"))
        ]

    def thirds(self) -> Json:
        """Profit in the thirds of the months by the asset's own return and by its volatility."""
        months = self._days.astype("M8[M]")
        growths = [growth for _, growth in self._growth_by(months)]
        if len(growths) < LEAST_MONTHS:
            raise NoValue(f"fewer than {LEAST_MONTHS} months")
        _, place = np.unique(months, return_inverse=True)
        moves = np.diff(np.log(self._closes))
        spreads = [float(moves[place == number].std()) for number in range(len(growths))]
        return {
            "trend": _by_third([growth["asset_pct"] for growth in growths], growths),
            "volatility": _by_third(spreads, growths),
        }

    @property
    def _days(self) -> Array:
        return self._measured.timestamps[1:].astype("M8[D]")

    @cached_property
    def _closes(self) -> Array:
        """Close before each bar, and the last close."""
        close = self._measured.close
        return np.concatenate((close[:1], close))

    def _growth_by(self, periods: Array) -> Iterator[tuple[Any, Json]]:
        """Yield each period with the return of the run and of the asset in it, in percent."""
        path = self._measured.path
        if self._measured.is_ruined:
            raise NoValue("the account lost everything")
        names, firsts = np.unique(periods, return_index=True)
        for name, first, last in zip(names, firsts, [*firsts[1:], len(periods)], strict=True):
            growth = {
                "return_pct": float(path[last] / path[first] - 1) * 100,
                "asset_pct": float(self._closes[last] / self._closes[first] - 1) * 100,
            }
            yield name, growth

    def without_best(self) -> list[Json]:
        """Total return without the best trades: equity never grew by their profits."""
        path = self._measured.path
        gains = sorted(
            (
                1 + trade["pnl_abs"] / path.item(trade["entry_bar"])
                for trade in self._measured.trades
                if trade["pnl_abs"] > 0
            ),
            reverse=True,
        )
        if len(gains) < 2:
            raise NoValue("fewer than two winning trades")
        whole = path.item(-1) / path.item(0)
        return [
            {"trades": count, "return_pct": (whole / math.prod(gains[:count]) - 1) * 100}
            for count in BEST_TRADES
            if count < len(gains)
        ]

    def starts(self) -> list[Json]:
        """The run started up to MOST_STARTS bars later, with everything else unchanged."""
        most = min(MOST_STARTS, self._measured.bars // 2 - 1)
        if most < 1:
            raise NoValue("fewer than four bars")
        starts = range(1, most + 1)
        return [Outcome.of(self._varied.started(bars)).to_json(bars=bars) for bars in starts]

    def _require_trades(self) -> None:
        if not self._run.num_trades:
            raise NoValue("it made no trade")


def _largest(holds: Callable[[float], bool]) -> float | None:
    """Return the largest fee up to which a condition holds; None if it does not even hold without a fee."""
    if not holds(0.0):
        return None
    if holds(LARGEST_FEE):
        return LARGEST_FEE
    low, high = 0.0, LARGEST_FEE
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _by_third(measures: Sequence[float], growths: Sequence[Json]) -> list[Json]:
    """Return of run and asset in the lowest, the middle and the highest third of the months by a measure."""
    order = np.argsort(measures, kind="stable")
    return [
        {
            "third": name,
            "months": len(part),
            **{
                each: (math.prod(1 + growths[month][each] / 100 for month in part) - 1) * 100
                for each in ("return_pct", "asset_pct")
            },
        }
        for name, part in zip(
            ("lowest", "middle", "highest"), np.array_split(order, 3), strict=True
        )
    ]
