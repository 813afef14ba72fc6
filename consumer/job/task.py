"""The work of the child process: compute the claimed run, and record its result or the reason why there is none."""

import logging
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

from adapters.budgets import add_usage
from adapters.database import persist, reading
from adapters.plans.store import save_plan_result, save_screen_result
from adapters.prices.packing import PackedPrices
from adapters.runs.states import Claim, fail, finish
from adapters.runs.timeline import save_attempt
from adapters.settings import Settings
from adapters.studies.ledger import record_trials
from consumer.course import course
from consumer.job.child import ChildExit, ChildProcess
from consumer.kinds.backtest import JobResult, backtest
from consumer.kinds.setup import Setup
from contracts.errors import (
    BadParams,
    BadPrices,
    CodeError,
    CodeOutOfMemory,
    LeaseLost,
    LookAhead,
    NoPricesInRange,
    NotDeterministic,
    PlatformError,
    RunTimeout,
    SealUnavailable,
    UnknownTicker,
)
from contracts.portfolio_request import RANKED
from contracts.status import ErrorType, Kind
from contracts.timeline import CHARTS

if TYPE_CHECKING:
    from consumer.sealed.evaluator import Evaluator

log = logging.getLogger(__name__)

# how long a finished result waits for a database that is away; the parent keeps the lease
RESULT_PATIENCE_S = 600.0
DRAWING_S = 60  # for the charts, which take a second, or three for a million bars
ERROR_TYPES: dict[type[Exception], ErrorType] = {  # of errors whose own text is shown to users
    NoPricesInRange: ErrorType.NO_PRICES,
    UnknownTicker: ErrorType.NO_PRICES,
    BadPrices: ErrorType.BAD_PRICES,
    BadParams: ErrorType.BAD_PARAMS,
    RunTimeout: ErrorType.TIMEOUT,
    CodeError: ErrorType.CODE_ERROR,
    CodeOutOfMemory: ErrorType.MEMORY,
    LookAhead: ErrorType.LOOK_AHEAD,
    NotDeterministic: ErrorType.NOT_DETERMINISTIC,
    SealUnavailable: ErrorType.SYSTEM_ERROR,
}


class TimeLimit(RunTimeout, JobTimeoutException):
    """The time limit of a run, raised by an alarm anywhere in its computation."""


def run_backtest(
    claim: Claim,
    prices: PackedPrices | UnknownTicker,
    engine: Engine,
    settings: Settings,
    child: ChildProcess,
) -> ChildExit:
    """Run the claimed request and persist its result or failure; report the progress through `child`."""
    limit_s = settings.run_timeout_s
    try:
        with (
            memory_limit(settings.run_memory_mb),
            UnixSignalDeathPenalty(limit_s, TimeLimit),
            evaluator_of(claim, settings) as evaluator,
        ):
            result = compute(claim, prices, engine, child.report_progress, evaluator)
    except Exception as error:  # every error of a run is recorded as its reason
        child.mark_computed()
        too_long = RunTimeout(f"the run took longer than its time limit of {limit_s} s")
        reason = too_long if isinstance(error, JobTimeoutException) else error
        return _record_failure(claim, engine, reason)
    child.mark_computed()
    course.mark("stored")
    result.columns["image_tag"] = settings.image_tag
    cpu_s = child.unrecorded_cpu_s()
    exit_code = _record_success(claim, engine, result, cpu_s)
    if exit_code is ChildExit.SUCCEEDED:
        child.mark_recorded(cpu_s)
        if claim.request.charts:
            course.mark(CHARTS)
            _draw_charts(claim.run_id, engine)
    return exit_code


def _draw_charts(run_id: str, engine: Engine) -> None:
    """Draw the charts of a run that has succeeded; a failure is only logged."""
    from consumer.kinds.draw_charts import draw_charts  # matplotlib takes half a second

    try:
        with UnixSignalDeathPenalty(DRAWING_S, JobTimeoutException):
            draw_charts(engine, run_id)
    except Exception:  # the run has its result, and its page draws missing charts
        log.exception("charts_not_drawn")


def compute(
    claim: Claim,
    prices: PackedPrices | UnknownTicker,
    engine: Engine,
    report_progress: Callable[[int], None],
    evaluator: "Evaluator | None" = None,
) -> JobResult:
    """Compute a Job of any kind; `report_progress` gets the number of combinations of a grid that are done."""
    course.mark("prepared")
    if isinstance(prices, UnknownTicker):
        raise prices
    if claim.kind is Kind.RUN:
        return backtest(claim.request, prices, keeps_lines=claim.keeps_lines, evaluator=evaluator)
    with reading(engine) as connection:
        if claim.kind is Kind.ROBUSTNESS:
            from consumer.kinds.robustness import robustness  # a plain run does not need it

            return robustness(connection, claim.run_id, claim.request, prices, evaluator)
        if claim.kind is Kind.PORTFOLIO:
            from consumer.kinds.portfolio_legs import portfolio  # a plain run does not need it

            return portfolio(connection, claim.run_id)
        from adapters.plans.screen import search_of
        from consumer.kinds.screen import run_search

        search = search_of(connection, claim.run_id)
        if claim.request.rule_type == RANKED:
            from consumer.kinds.rotations import train_rotations

            return train_rotations(connection, claim.request, search, report_progress)
    setup = Setup.of(claim.request, prices, evaluator)
    return run_search(setup, claim.kind, search, report_progress)


@contextmanager
def evaluator_of(claim: Claim, settings: Settings) -> Iterator["Evaluator | None"]:
    """Start the process of a strategy in Python, if the request has its code, and end it; None for other rules."""
    if claim.request.rule_type != "PYTHON" or claim.kind is Kind.PORTFOLIO:
        yield None
        return
    from consumer.sealed.evaluator import Evaluator  # other rules do not need it

    with Evaluator(settings) as evaluator:
        if "code" in claim.request.params:  # else it comes with the combinations of a search
            evaluator.start(claim.request.params["code"])
        yield evaluator


@contextmanager
def memory_limit(beyond_mb: int) -> Iterator[None]:
    """Let allocations fail at `beyond_mb` more than is mapped now, before the kernel kills a process of its choice."""
    # macOS refuses any limit below the hundreds of GB that it maps at the start
    if sys.platform != "linux":
        yield
        return
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    mapped_pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = mapped_pages * resource.getpagesize() + beyond_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, unlimited[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, unlimited)  # writing the reason needs memory, too


def _record_success(claim: Claim, engine: Engine, result: JobResult, cpu_s: float) -> ChildExit:
    def write(connection: Connection) -> None:
        is_first = finish(connection, claim, result.columns, result.lines, result.failed_metrics)
        if result.screened:
            save_screen_result(connection, claim.run_id, *result.screened)
        if result.of_plan:
            save_plan_result(connection, claim.run_id, *result.of_plan)
        if result.trials and is_first:
            record_trials(connection, result.trials, claim.submitted_by, claim.study_id)
        if is_first:
            add_usage(connection, claim.submitted_by, cpu_s=cpu_s)
            save_attempt(connection, claim, course.marks(), course.log_text())

    log.info("run_computed cpu_s=%.2f", cpu_s)  # the last line that is stored with the result
    try:
        persist(engine, write, RESULT_PATIENCE_S)
    except LeaseLost as error:
        log.warning("result_dropped reason=%s", error)
        return ChildExit.OVERTAKEN
    except Exception as error:  # a value that the database refuses, a full disk, a long outage
        return _record_failure(claim, engine, error)
    log.info("run_succeeded result_hash=%s", result.columns.get("result_hash"))
    return ChildExit.SUCCEEDED


def _record_failure(claim: Claim, engine: Engine, error: Exception) -> ChildExit:
    error_type, message = explain(error)
    if not isinstance(error, PlatformError):
        log.error("run_traceback", exc_info=error)
    try:
        persist(
            engine,
            lambda connection: fail(connection, claim, error_type, message),
            RESULT_PATIENCE_S,
        )
    except LeaseLost:
        return ChildExit.OVERTAKEN
    except OperationalError as outage:
        log.error("failure_not_persisted reason=%s", outage.orig)
        return ChildExit.NOT_PERSISTED
    log.info("run_failed error_type=%s reason=%s", error_type, message)
    return ChildExit.FAILED


def explain(error: Exception) -> tuple[ErrorType, str]:
    """Return the error type of a run's error, and one sentence for users."""
    if error_type := ERROR_TYPES.get(type(error)):
        return error_type, str(error)
    if isinstance(error, MemoryError):
        return ErrorType.MEMORY, "the run needed more memory than one run may use"
    if isinstance(error, DBAPIError) and not isinstance(error, ProgrammingError | InterfaceError):
        return ErrorType.SYSTEM_ERROR, f"the result could not be stored: {error.orig}"
    return (
        ErrorType.ENGINE_ERROR,
        f"internal error: {type(error).__name__}; the log has the trace",
    )
