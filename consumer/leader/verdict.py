"""`python -m consumer.leader.verdict <study_id>`: judge a study whose runs have ended, and store the verdict once.

The leading reconciler starts it. It may be killed and started again at any point: the verdict depends only on the runs
and the study's seed, and only the first one is kept. Exit code 0: there is one afterwards.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
from sqlalchemy import Connection, Engine, RowMapping

from adapters.database import connect_database, persist, reading
from adapters.logs import run_program
from adapters.metrics.curves import AccountRates
from adapters.metrics.moments import Array
from adapters.plans.store import plan_row
from adapters.plans.study import Study, move_study, result_of, study_of
from adapters.prices.bars import closes_at
from adapters.prices.packing import unpack_bars
from adapters.prices.store import prices_of
from adapters.runs.series import packed_json, unpacked_json
from adapters.settings import Settings
from adapters.studies.ledger import tries_on
from adapters.studies.path import OF_TRIAL, RunData, StudyMarket, Tried, run_data, tried_of
from adapters.studies.resampling import permuted
from adapters.studies.trials import Tries
from adapters.studies.verdict import Part, Verdict
from consumer.kinds.backtest import backtest
from consumer.kinds.rotations import Rotations
from consumer.leader.studies import permuted_bests, run_of, training_metrics
from contracts.errors import UnknownTicker
from contracts.run_request import RunRequest
from contracts.status import PlanKind
from contracts.study import StudyStatus, StudyWindow
from contracts.values import Json, Values, picked

Load = Callable[[Part, int, Values], RunData | None]

log = logging.getLogger("consumer.leader.verdict")

# how long a verdict waits for a database that is away; the leader starts another process later
PATIENCE_S = 60.0


def main() -> int:
    """Judge the study that the command line names."""
    return run_program("verdict", _judge_named)


def _judge_named(settings: Settings) -> int:
    engine = connect_database(settings.database_url, pool_size=1)
    with reading(engine) as connection:
        study = study_of(plan_row(connection, PlanKind.STUDY, sys.argv[1]))
    if study.status is StudyStatus.JUDGING:
        store(engine, study, judge(engine, study))
    return 0


def judge(engine: Engine, study: Study) -> Json:
    """The verdict of a study whose choices are made and whose runs have ended."""
    market, load = (_rotations if study.plan.request.legs else _runs)(engine, study)
    tried = [_trials(engine, study, window) for window in study.plan.windows]
    permutations = _permutations(engine, study)
    verdict = Verdict(study.plan, study.choices or [], tried, market, load, permutations)
    if not study.plan.request.legs:  # the ledger is of rules on one series
        verdict.tries = partial(tries_of, engine, study, market)
    return verdict.to_json()


def _runs(engine: Engine, study: Study) -> tuple[StudyMarket, Load]:
    """The market of a study, and what loads its runs."""
    request = RunRequest.from_json(study.plan.request.base)
    with reading(engine) as connection:
        packed = prices_of(connection, request, study.study_id)
    if isinstance(packed, UnknownTicker):
        raise packed
    bars, rates = unpack_bars(packed), AccountRates(request.borrow_rate, request.cash_rate)
    benchmark = closes_at(unpack_bars(packed.benchmark), bars.times) if packed.benchmark else None
    market = StudyMarket(bars.times, bars.columns["Close"], benchmark, rates)
    data = partial(run_data, capital=request.initial_capital, market=market)

    @cache
    def repeat_run(number: int, place: int) -> RunData:
        # run the backtest again, since a search stores no series
        repeated = run_of(study, study.plan.windows[number].train, place).request
        return data(backtest(repeated, packed).columns)

    def load(part: Part, number: int, chosen: Values) -> RunData | None:
        if part == "train" and not study.plan.repeats_training:
            return repeat_run(number, chosen["place"])
        row = _row(engine, chosen[f"{part}_run"])
        return data(row) if row else None

    return market, load


def _rotations(engine: Engine, study: Study) -> tuple[StudyMarket, Load]:
    """The market of a study of rotations, and what trades them again, since their Jobs store other series."""
    with reading(engine) as connection:
        rotations = Rotations(connection, study.plan)

    @cache
    def repeat(number: int, part: Part, place: int) -> RunData:
        window = study.plan.windows[number]
        days = window.train if part == "train" else window.test
        assert days is not None
        return rotations.run(study.plan.request.combinations[place], days)

    def load(part: Part, number: int, chosen: Values) -> RunData | None:
        if part == "test" and not _row(engine, chosen["test_run"]):
            return None
        return repeat(number, part, chosen["place"])

    return rotations.market, load


def _row(engine: Engine, run_id: str | None) -> RowMapping | None:
    """The result of a run; None without one, as without a test part, or when its Job has failed."""
    if not run_id:
        return None
    # a connection for each query: a server closes one that is idle during the statistics
    with reading(engine) as connection:
        return result_of(connection, run_id)


def tries_of(engine: Engine, study: Study, market: StudyMarket, parts: Sequence[Array]) -> Tries:
    """All trials that read bars at these times of each part."""
    base = study.plan.request.base
    closes = [market.closes[np.searchsorted(market.times, times)] for times in parts]
    # a fold's training reads the test parts before it, whose choices do not depend on it
    left_out = study.study_id if study.plan.request.kind == "walk_forward" else None
    series = base["ticker"], base["timeframe"]
    with reading(engine) as connection:
        return tries_on(connection, series, [*zip(parts, closes, strict=True)], left_out)


def _permutations(engine: Engine, study: Study) -> Json | None:
    """Result of the search in other orders of the bars; None unless it is a permutation study."""
    request = study.plan.request
    if request.kind != "permutation":
        return None
    chosen = (study.choices or [])[0]["chosen"]
    with reading(engine) as connection:
        actual = training_metrics(connection, study, study.plan.windows[0])[request.metric]
        bests = permuted_bests(connection, study)
    observed = actual.item(chosen[0]["place"]) if chosen else None
    return permuted(observed, bests, study.ranking.goal, request.seed)


def _trials(engine: Engine, study: Study, window: StudyWindow) -> Tried:
    """All trials on a training part."""
    with reading(engine) as connection:
        metrics = training_metrics(connection, study, window)
    return tried_of(np.array([metrics[name] for name in OF_TRIAL]).T)


def store(engine: Engine, study: Study, verdict: Json) -> None:
    """Complete the study with its verdict, unless another process has; a summary of earlier verdicts is kept in it."""
    columns = {"outcome": verdict["outcome"], "sentence": verdict["sentence"]}

    def write(connection: Connection) -> bool:
        before = plan_row(connection, PlanKind.STUDY, study.study_id)["result"]
        result = packed_json(verdict | {"earlier": _earlier(before)})
        return move_study(connection, study, StudyStatus.COMPLETED, **columns, result=result)

    is_first = persist(engine, write, PATIENCE_S)
    log.info(
        "study_judged study_id=%s outcome=%s stored=%s",
        study.study_id,
        verdict["outcome"],
        is_first,
    )


def _earlier(result: bytes | None) -> list[Json]:
    """Method, outcome and sentence of the verdicts before this one, oldest first."""
    if result is None:
        return []
    before = unpacked_json(result)
    return [*before["earlier"], picked(before, ("method", "outcome", "sentence"))]


if __name__ == "__main__":
    sys.exit(main())
