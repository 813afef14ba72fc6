"""A request with its prices, ready to run any rule under its terms: once for a run, once a row for a screen."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.metrics.curves import last_days
from adapters.metrics.measured import Measured
from adapters.metrics.moments import Array
from adapters.metrics.table import ANALYSIS_VERSION
from adapters.plans.combinations import Combinations
from adapters.plans.ranking import with_params
from adapters.prices.bars import PriceBars
from adapters.prices.packing import PackedPrices, RunPrices, run_prices, unpack_bars
from adapters.studies.trials import Trials
from consumer.course import course
from consumer.kinds.run_engine import RunEngine, interest_and_fees
from contracts.errors import BadParams
from contracts.run_request import RunRequest
from contracts.values import Json, Values
from engine.engine import ENGINE_VERSION, BacktestResult, Bars, check_bars
from rules.base import BaseRule
from rules.formula.graph import Market
from rules.prices import TIME, Prices
from rules.python.rule import PythonRule
from rules.registry import build_rule

if TYPE_CHECKING:
    from consumer.sealed.evaluator import Evaluator  # nor does another rule
    from portfolio.result import PortfolioResult  # a plain run does not need it

ENGINE_TERMS = {each.name for each in fields(RunEngine)} & {
    each.name for each in fields(RunRequest)
}


@dataclass(frozen=True)
class Setup:
    """A request, its prices, and the engine with its terms."""

    request: RunRequest
    prices: RunPrices
    # prices that replace those of the same bars
    columns: Mapping[str, Array] | None = None
    evaluator: "Evaluator | None" = None  # of rules in Python

    @classmethod
    def of(
        cls, request: RunRequest, packed: PackedPrices, evaluator: "Evaluator | None" = None
    ) -> "Setup":
        """Cut the packed prices to the request's dates; NoPricesInRange or BadPrices when that is impossible."""
        dates = (request.start_date, request.end_date)
        return cls(
            request, run_prices(packed, *dates, request.bars_per_year), evaluator=evaluator
        )

    def on(self, columns: Mapping[str, Array]) -> "Setup":
        """Return this setup with other prices of the same bars."""
        return replace(self, columns=columns)

    def rule(self, member: Values | None = None) -> BaseRule:
        """Build the request's rule with a combination of swept params; BadParams when the rule refuses them."""
        params = with_params(self.request.params, member or {})
        try:
            rule = build_rule(self.request.rule_type, params, self._market)
        except ValueError as error:
            raise BadParams(str(error)) from error
        if isinstance(rule, PythonRule) and self.evaluator:
            rule.evaluator = partial(self.evaluator, first_bar=self.prices.first_bar)
        return rule

    def expect(self, tried: Combinations) -> None:
        """Let combinations of a rule in Python share their way through the bars, as others share indicators."""
        if self.evaluator:
            self.expect_rules([*self._rules_of(tried)])

    def _rules_of(self, tried: Combinations) -> Iterator[BaseRule]:
        for number in range(len(tried)):
            with suppress(BadParams):  # raised where that combination is run
                yield self.rule(tried.member(number))

    def expect_rules(self, rules: Sequence[BaseRule]) -> None:
        """Let rules in Python that are evaluated one after the other share their way through the bars."""
        if self.evaluator:
            self.evaluator.expect(rules)

    @property
    def versions(self) -> dict[str, str]:
        """Hash of the prices and versions of engine and analysis, as columns of a row."""
        return {
            "data_hash": self.prices.packed.data_hash,
            "engine_version": ENGINE_VERSION,
            "analysis_version": ANALYSIS_VERSION,
        }

    @cached_property
    def bars(self) -> Prices:
        """All bars up to the last traded one for rules and engine, which share computed indicators.

        Columns that replace the prices leave the further ones, and other tickers, at their times.
        """
        others = {
            ticker: _prices(bars, packed.zone) for ticker, (packed, bars) in self._others.items()
        }
        return _prices(self.prices.bars, self.prices.packed.zone, others, self.columns or {})

    @cached_property
    def _others(self) -> dict[str, tuple[PackedPrices, PriceBars]]:
        return {each.ticker: (each, unpack_bars(each)) for each in self.prices.packed.others}

    @cached_property
    def _market(self) -> Market:
        """The series that the rule's texts may name."""
        return Market(
            self.request.timeframe,
            [*self.prices.bars.further],
            lambda ticker: [*self._others[ticker][1].further],
        )

    @property
    def notes(self) -> list[str]:
        """Sentences on the prices, and on those of other tickers that begin later or end earlier than the run."""
        notes, traded = self.prices.notes, self.prices.traded
        for ticker, (_, bars) in self._others.items():
            if bars.times[0] > traded.times[0]:
                notes.append(
                    f"{ticker} begins on {bars.first}: what the rule reads of it is unknown before"
                )
            if bars.times[-1] < traded.times[-1]:
                notes.append(
                    f"{ticker} ends on {bars.last}: what the rule reads of it is unknown soon after"
                )
        return notes

    def trials(self) -> Trials:
        """Begin the list of rules that are tried on the traded bars."""
        return Trials(self.request, self.prices.traded.times)

    def result_of(self, rule: BaseRule) -> BacktestResult:
        """The engine's result of a rule's signals."""
        first_bar, ticker = self.prices.first_bar, self.request.ticker

        def signals(bars: Prices) -> Array:
            generated = rule.generate_signals(bars)
            course.mark("engine")
            return generated

        course.mark("rule")
        return self.engine.run(self.checked_bars, signals, ticker, first_bar)

    @cached_property
    def checked_bars(self) -> Bars:
        return check_bars(self.bars)  # type: ignore[arg-type]  # it needs nothing but columns by name

    @cached_property
    def engine(self) -> RunEngine:
        """The engine under the request's terms, which have the same names in both."""
        terms: Json = {name: getattr(self.request, name) for name in ENGINE_TERMS}
        if self.request.direction == "shortonly":
            terms |= {"direction": "longshort", "short_only": True}
        return RunEngine(**terms, periods_per_year=self.prices.bars_per_year)

    def metric_inputs(self, result: BacktestResult, trades: Sequence[Values] = ()) -> Measured:
        """The input of the metrics. trades: with excursions; without any, only metrics of the equity are meaningful."""
        interest, borrow_fees = interest_and_fees(result.ledger)
        return metric_inputs_of(
            self.request,
            result,
            self.prices.traded.times,
            close=self.prices.traded.columns["Close"],
            trades=trades,
            periods_per_year=self.prices.bars_per_year,
            rates=self.engine.rates,
            rejected_orders=len(result.rejected_orders),
            benchmark=self.prices.benchmark,
            interest=interest,
            borrow_fees=borrow_fees,
        )


def metric_inputs_of(
    request: RunRequest, result: "BacktestResult | PortfolioResult", times: Array, **others: Any
) -> Measured:
    """The input of the metrics. times: of the bars, in seconds; others: fields of Measured that neither provides."""
    days = last_days(times, request.timeframe).view("M8[s]")
    return Measured(
        core=asdict(result.metrics),
        path=np.concatenate(([request.initial_capital], result.equity_curve)),
        timestamps=np.concatenate((days[:1], days)),
        fee_rate=request.fee_rate,
        slippage_bps=request.slippage_bps,
        risk_free_rate=request.risk_free_rate,
        **others,
    )


def _prices(
    bars: PriceBars,
    zone: str,
    others: Mapping[str, Prices] | None = None,
    replaced: Mapping[str, Array] | None = None,
) -> Prices:
    """Return bars as rules read them."""
    columns = {**bars.columns, **bars.further, **(replaced or {}), TIME: bars.timestamps}
    return Prices(columns, bars.timeframe, zone, others)
