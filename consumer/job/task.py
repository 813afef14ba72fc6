"""What the work horse does: run the claimed backtest and record its result, or the reason why there is none."""

import logging
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

from adapters.database import reading
from adapters.plans.progress import save_portfolio_result, save_screen_result
from adapters.prices.packing import PackedPrices
from adapters.runs.states import Claim, fail, finish
from adapters.settings import Settings
from consumer.job.child import Horse, HorseExit
from consumer.job.persistence import persist
from consumer.kinds.backtest import Outcome, backtest
from consumer.kinds.setup import Setup
from contracts.errors import (
    BadParams,
    BadPrices,
    LeaseLost,
    NoPricesInRange,
    PlatformError,
    RunTimeout,
    UnknownTicker,
)
from contracts.status import ErrorType, Kind

log = logging.getLogger(__name__)

# a finished result is kept for so long while the database is away; the parent keeps the lease
RESULT_PATIENCE_S = 600.0
DRAWING_S = 60  # for the charts, which take a second; of a million bars, three
ERROR_TYPES: dict[type[Exception], ErrorType] = {  # of faults whose own words are for people
    NoPricesInRange: ErrorType.NO_PRICES,
    UnknownTicker: ErrorType.NO_PRICES,
    BadPrices: ErrorType.BAD_PRICES,
    BadParams: ErrorType.BAD_PARAMS,
    RunTimeout: ErrorType.TIMEOUT,
}


class TimeLimit(RunTimeout, JobTimeoutException):
    """The end of a run's time, a PlatformError wherever in its computation the alarm interrupts it."""


def run_backtest(
    held: Claim,
    prices: PackedPrices | UnknownTicker,
    engine: Engine,
    settings: Settings,
    horse: Horse,
) -> HorseExit:
    """Run the claimed request and persist what came of it; the work horse says what is done of it."""
    limit_s = settings.run_timeout_s
    try:
        with (
            memory_limit(settings.run_memory_mb),
            UnixSignalDeathPenalty(limit_s, TimeLimit),
        ):
            outcome = compute(held, prices, engine, horse.say_done)
    except Exception as error:  # every fault of a run ends as its recorded reason
        horse.say_computed()
        too_long = RunTimeout(f"the run took longer than its time limit of {limit_s} s")
        fault = too_long if isinstance(error, JobTimeoutException) else error
        return _record_failure(held, engine, fault)
    horse.say_computed()
    outcome.columns["image_tag"] = settings.image_tag
    ended = _record_success(held, engine, outcome)
    if ended is HorseExit.SUCCEEDED and held.request.charts:
        _draw_charts(held.run_id, engine)
    return ended


def _draw_charts(run_id: str, engine: Engine) -> None:
    """Draw the charts of a run that has succeeded, whatever becomes of them."""
    from consumer.kinds.draw_charts import draw_charts  # matplotlib takes half a second

    try:
        with UnixSignalDeathPenalty(DRAWING_S, JobTimeoutException):
            draw_charts(engine, run_id)
    except (
        Exception
    ):  # the run has its result, and the charts are drawn when somebody asks for them
        log.exception("charts_not_drawn")


def compute(
    held: Claim,
    prices: PackedPrices | UnknownTicker,
    engine: Engine,
    tell: Callable[[int], None],
) -> Outcome:
    """What a Job of any kind comes to; `tell` hears how much of a grid is done."""
    if isinstance(prices, UnknownTicker):
        raise prices
    if held.kind is Kind.RUN:
        return backtest(held.request, prices, keeps_lines=held.keeps_lines)
    with reading(engine) as connection:
        if held.kind is Kind.PORTFOLIO:
            from consumer.kinds.portfolio import portfolio  # a run does without it

            return portfolio(connection, held.run_id)
        from adapters.plans.screen import search_of
        from consumer.kinds.screen import try_all

        search = search_of(connection, held.run_id)
    return try_all(Setup.of(held.request, prices), held.kind, search, tell)


@contextmanager
def memory_limit(beyond_mb: int) -> Iterator[None]:
    """Let allocations fail at `beyond_mb` more than is mapped now, before the kernel kills whomever it likes."""
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
        resource.setrlimit(resource.RLIMIT_AS, unlimited)  # the reason must be written, too


def _record_success(held: Claim, engine: Engine, outcome: Outcome) -> HorseExit:
    def write(connection: Connection) -> None:
        finish(connection, held, outcome.columns, outcome.lines, outcome.failed_metrics)
        if outcome.screened:
            save_screen_result(connection, held.run_id, *outcome.screened)
        if outcome.portfolio:
            save_portfolio_result(connection, held.run_id, outcome.portfolio)

    try:
        persist(engine, write, RESULT_PATIENCE_S)
    except LeaseLost as error:
        log.warning("result_dropped reason=%s", error)
        return HorseExit.OVERTAKEN
    except (
        Exception
    ) as error:  # a value that the database refuses, a full disk, an outage without an end
        return _record_failure(held, engine, error)
    log.info("run_succeeded result_hash=%s", outcome.columns.get("result_hash"))
    return HorseExit.SUCCEEDED


def _record_failure(held: Claim, engine: Engine, error: Exception) -> HorseExit:
    error_type, message = explain(error)
    if not isinstance(error, PlatformError):
        log.error("run_trace", exc_info=error)
    failed = partial(fail, held=held, error_type=error_type, message=message)
    try:
        persist(engine, failed, RESULT_PATIENCE_S)
    except LeaseLost:
        return HorseExit.OVERTAKEN
    except OperationalError as away:
        log.error("failure_not_persisted reason=%s", away.orig)
        return HorseExit.NOT_PERSISTED
    log.info("run_failed error_type=%s reason=%s", error_type, message)
    return HorseExit.FAILED


def explain(error: Exception) -> tuple[ErrorType, str]:
    """The error type of a run's fault, and one sentence for people."""
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
