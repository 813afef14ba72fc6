"""The Job's program: waits for database and queue, pops one message, keeps its lease while a work horse runs it.

What decides is the database: the parent claims before the fork and settles the outcome after it. All of Redis is the
parent's business and may fail at any point without hurting the run.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from uuid import uuid4

from redis.exceptions import RedisError
from rq.job import Job
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from adapters.database import connect_database, reading
from adapters.logs import set_log_context
from adapters.plans.progress import save_progress
from adapters.prices.packing import PackedPrices
from adapters.prices.store import prices_of
from adapters.queue.connection import queues_of
from adapters.queue.liveness import leading_image
from adapters.queue.messages import STALE, Attempt, attempt_of
from adapters.runs.states import Claim, extend_lease
from adapters.runs.turns import Turn, claim_turn, mark_served
from adapters.settings import Settings
from consumer.job.child import Horse, HorseExit
from consumer.job.messages import MessageWorker
from consumer.job.outcome import settle
from consumer.job.persistence import persist
from consumer.job.termination import termination
from consumer.job.waiting import wait_and_pop
from consumer.program import run_program
from contracts.errors import LeaseLost, StaleMessage, UnknownTicker
from contracts.status import Kind

log = logging.getLogger(__name__)

Packed = PackedPrices | UnknownTicker  # as `prices_of` gives them

EXIT_OK, EXIT_FAILED = 0, 1
# how long a Job waits for a database or queue that is not there, before anything is popped
PATIENCE_S = 60.0
# a popped message is worth waiting for; afterwards the reconciler enqueues it again
CLAIM_PATIENCE_S = 120.0
OVERTIME_S = 5.0  # beyond its time limit a work horse may take so long to stop by itself
# for a result, and then for its failure, a work horse waits 600 s each; beyond that it hangs
WRITING_S = 1500.0


class RunWorker:
    """One message, one run, one outcome."""

    def __init__(self, messages: MessageWorker, engine: Engine, settings: Settings) -> None:
        self._messages = messages
        self._engine = engine
        self._settings = settings
        self._deadline = 0.0
        self._timed_out = False
        self._images = set[str | None]()  # under which it goes on waiting

    def work(self) -> bool:
        """Pop one message and see its run through; False when that failed, or nothing could be persisted."""
        try:
            idle_s = self._settings.idle_s
            job = (
                wait_and_pop(self._messages, idle_s, self._is_current)
                if idle_s
                else self._messages.pop()
            )
        except RedisError as error:
            log.warning("redis_unreachable step=pop reason=%s", error)
            return False
        return self.execute_job(job) if job else True

    def _is_current(self) -> bool:
        """False once the platform has moved on to another image than this process's, as far as the database says so.

        The image that led at the first look counts as current, too: new Jobs may start before the new reconciler leads,
        and would otherwise take nothing for as long as it does not.
        """
        try:
            with reading(self._engine) as connection:
                leading = leading_image(connection)
        except DBAPIError as error:
            log.warning("image_unknown reason=%s", error.orig)
            return True
        self._images = self._images or {None, self._settings.image_tag, leading}
        return leading in self._images

    def execute_job(self, job: Job) -> bool:
        """Claim the run, let a work horse run it, settle the outcome; whether that is good."""
        ticket = attempt_of(job.id)
        try:
            turn, held, prices = self._claim(ticket)
        except StaleMessage as error:
            log.info("message_stale reason=%s", error)
            self._messages.strike_off(job.id, STALE)
            return True
        except OperationalError as error:
            log.error("claim_failed reason=%s", error.orig)
            return termination.requested and self._messages.put_back(job)
        if turn.attempt != ticket:
            job = self._messages.exchange(job, held, turn.ticket_waits)
        # a signal that came between pop and claim finds no work horse to kill
        status = (
            HorseExit.NOT_PERSISTED if termination.requested else self._work(job, held, prices)
        )
        is_good = settle(self._engine, self._settings, held, status, self._timed_out)
        self._messages.tidy(job, status)
        return is_good

    def _claim(self, ticket: Attempt) -> tuple[Turn, Claim, Packed]:
        """The claimed run; its prices are read with the same connection, so that the work horse needs none for them."""
        token, lease_s, name = str(uuid4()), self._settings.lease_s, self._messages.name
        turn = None if self._messages.is_ticket else Turn(ticket, False)

        def take(connection: Connection) -> tuple[Turn, Claim, Packed]:
            nonlocal turn
            turn, held = claim_turn(connection, ticket, turn, token, lease_s, name)
            prices = prices_of(connection, held.request)
            mark_served(connection, turn)
            return turn, held, prices

        claimed = persist(self._engine, take, CLAIM_PATIENCE_S, lambda: termination.requested)
        held = claimed[1]
        set_log_context(run_id=held.run_id, attempt=held.attempt, batch_id=held.request.batch_id)
        log.info("run_claimed worker=%s", name)
        return claimed

    def _work(self, job: Job, held: Claim, prices: Packed) -> int:
        """Exit code of the work horse; negative when a signal killed it."""

        def run(horse: Horse) -> int:
            # numpy and the engine are loaded by the work horse only
            from consumer.job.task import run_backtest

            return run_backtest(held, prices, self._engine, self._settings, horse)

        self._deadline = time.monotonic() + self._settings.run_timeout_s + OVERTIME_S
        self._engine.dispose()  # a connection must not live in two processes
        horse = Horse(run)
        termination.watch(horse.pid)
        self._messages.show_start(job)
        while (status := horse.exit_code(self._pause_s())) is None:
            self._beat(held, horse)
            self._messages.show_life(job)
        termination.watch(0)
        return status

    def _pause_s(self) -> float:
        return max(0.1, min(self._settings.heartbeat_s, self._deadline - time.monotonic()))

    def _beat(self, held: Claim, horse: Horse) -> None:
        """Extend the lease, and stop the work horse when the run is not ours any more or takes too long."""
        if horse.computed_at:
            self._deadline = horse.computed_at + WRITING_S
        if time.monotonic() > self._deadline:
            self._timed_out = not horse.computed_at
            termination.stop_horse()
        try:
            with self._engine.begin() as connection:
                extend_lease(connection, held, self._settings.lease_s)
                if held.kind is not Kind.RUN:
                    save_progress(connection, held.run_id, horse.done)
        except LeaseLost as error:
            log.warning("lease_lost reason=%s", error)
            termination.stop_horse()
        except OperationalError as error:
            log.warning("heartbeat_missed reason=%s", error.orig)


def main() -> int:
    """Work on one message; the exit code is the outcome (see consumer/__main__.py)."""
    return run_program("consumer", _work)


def _work(settings: Settings) -> int:
    engine = connect_database(settings.database_url)
    # how long the parent may wait for Redis: it sits in the same loop that extends the lease
    queues = queues_of(settings, min(5.0, (settings.lease_s - settings.heartbeat_s) / 3))
    if not (
        _wait_for("database", lambda: engine.connect().close())
        and _wait_for("redis", queues[0].connection.ping)
    ):
        return EXIT_FAILED
    name = f"{socket.gethostname()}.{os.getpid()}.{uuid4().hex[:4]}"
    is_good = RunWorker(MessageWorker(queues, settings, name), engine, settings).work()
    return EXIT_OK if is_good else EXIT_FAILED


def _wait_for(what: str, ping: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            ping()
            return True
        except (OperationalError, RedisError) as error:
            reason = getattr(error, "orig", error)
            if time.monotonic() > deadline:
                log.error(
                    "%s_unreachable gave_up_after_s=%.0f reason=%s", what, PATIENCE_S, reason
                )
                return False
            log.warning("%s_unreachable waiting_s=1 reason=%s", what, reason)
            time.sleep(1.0)
