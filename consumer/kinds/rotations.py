"""Rotations of a study: each combination over any of its parts, on prices that are read once."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from sqlalchemy import Connection, select

from adapters.metrics.moments import average
from adapters.plans.combinations import Combinations
from adapters.plans.ranking import Ranking
from adapters.plans.store import plan_row
from adapters.plans.study import rotation_of, study_of
from adapters.studies.path import RunData, StudyMarket, run_data
from adapters.tables import RUN
from consumer.kinds.backtest import JobResult
from consumer.kinds.portfolio import LegRun, PortfolioTrading
from consumer.kinds.portfolio_legs import with_prices
from consumer.kinds.screen import train
from contracts.run_request import RunRequest
from contracts.status import PlanKind
from contracts.study import StudyPlan
from contracts.values import Values
from portfolio.ranked import Rotation

Days = tuple[str, str]  # the first and the last


class Rotations:
    """The assets of a study, which any combination may trade over any days."""

    def __init__(self, connection: Connection, plan: StudyPlan) -> None:
        self._plan, base = plan, plan.request.base
        self._whole: Days = (base["start_date"], base["end_date"])
        requests = self._requests(self._whole)
        packed = list(with_prices(connection, requests))
        self._benchmark = packed[0].benchmark
        tickers = (each.ticker for each in requests)
        self._packed = {
            ticker: replace(each, benchmark=None)
            for ticker, each in zip(tickers, packed, strict=True)
        }
        self._legs: dict[Days, list[LegRun]] = {}

    def _requests(self, days: Days) -> list[RunRequest]:
        """The requests of the assets that have prices in these days."""
        portfolio = rotation_of(self._plan, self._plan.request.combinations[0], days)
        return [RunRequest.from_json(portfolio.run_of(leg)) for leg in range(len(portfolio.legs))]

    def trade(self, params: Values, days: Days) -> PortfolioTrading:
        """Trade a combination; the prices of the last days that were asked for are kept decoded."""
        if days not in self._legs:
            requests = self._requests(days)
            packed = [self._packed[each.ticker] for each in requests]
            packed[0] = replace(packed[0], benchmark=self._benchmark)
            self._legs = {days: list(map(LegRun.of, requests, packed))}
        return PortfolioTrading(rotation_of(self._plan, params, days), self._legs[days])

    def versions(self, days: Days) -> dict[str, str]:
        """Return the versions of a training part, with the joint hash of its prices."""
        return self.trade(self._plan.request.combinations[0], days).versions

    def run(self, params: Values, days: Days) -> RunData:
        """Return a combination as a run of the study, whose market is all eligible assets held equally."""
        trading = self.trade(params, days)
        result, account = trading.result, trading.result.account
        assert isinstance(account, Rotation)
        worth, in_legs = account.eligible_held()
        has_legs, equity = in_legs > 0, result.equity_curve
        shares = np.divide(result.held_curve, in_legs, out=np.zeros(len(worth)), where=has_legs)
        if (
            has_legs.any()
        ):  # without an eligible asset neither has a position, so that it counts as usual
            usual = average((shares * worth / equity)[has_legs])
            shares = np.where(has_legs, shares, usual * equity / worth)
        market = StudyMarket(trading.times, worth, rates=trading.rates)
        capital = float(self._plan.request.base["initial_capital"])
        return run_data(trading.columns(), capital, market, shares)

    @cached_property
    def market(self) -> StudyMarket:
        """All assets bought equally when the study begins, and its benchmark."""
        trading = self.trade(self._plan.request.combinations[0], self._whole)
        return StudyMarket(trading.times, trading.held_equally, trading.benchmark, trading.rates)


def train_rotations(
    connection: Connection,
    request: RunRequest,
    search: tuple[Combinations, Ranking, object],
    report: Callable[[int], None],
) -> JobResult:
    """Try combinations of a rotation on a training part of the study that the Job belongs to."""
    tried, ranking, _ = search
    plan_id = connection.scalar(select(RUN.plan_id).filter_by(run_id=request.run_id))
    study = study_of(plan_row(connection, PlanKind.STUDY, str(plan_id)))
    rotations = Rotations(connection, study.plan)
    days = request.start_date.isoformat(), request.end_date.isoformat()
    metrics = train(partial(rotations.run, days=days), tried, ranking, report)
    return JobResult(rotations.versions(days), screened=(metrics, None))
