"""The Job's program: wait for database and queue, pop one message, and keep its lease while a child process runs it.

With IDLE_S it waits for the message with everything loaded. Where a message is there already, nothing is preloaded,
since that costs a second of CPU more than the Job needs.

The database decides: the parent claims the run before the fork and records the outcome after it. Only the parent talks
to Redis, which may fail at any point without hurting the run.
"""

import logging
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.job import Job
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from adapters.budgets import add_usage
from adapters.database import connect_database, persist, reading
from adapters.logs import run_program, set_log_context
from adapters.plans.store import save_progress
from adapters.prices.packing import PackedPrices
from adapters.prices.store import prices_of
from adapters.queue.history import leading_image
from adapters.queue.messages import STALE, Attempt, attempt_of
from adapters.queue.run_queue import IDLE_EXPIRY_S, mark_idle, queues_of
from adapters.runs.scheduling import Turn, claim_turn, mark_served
from adapters.runs.states import Claim, extend_lease
from adapters.runs.timeline import save_attempt
from adapters.settings import Settings
from consumer.course import course
from consumer.job.child import ChildExit, ChildProcess, record_outcome
from consumer.job.messages import MessageWorker, redis_may_fail
from consumer.job.termination import termination
from contracts.errors import LeaseLost, StaleMessage, UnknownTicker
from contracts.status import Kind
from contracts.timeline import CHARTS, CLAIMED

log = logging.getLogger(__name__)

Packed = PackedPrices | UnknownTicker  # as `prices_of` returns them

EXIT_OK, EXIT_FAILED = 0, 1
# how long a Job waits for database and Redis before it pops anything
PATIENCE_S = 60.0
# how long a popped message waits for the database; afterwards the reconciler enqueues it again
CLAIM_PATIENCE_S = 120.0
OVERTIME_S = 5.0  # beyond its time limit, for the child to stop by itself
# the child waits 600 s to write a result, and 600 s for a failure; beyond that it hangs
WRITING_S = 1500.0
# pause while Redis is away, full, or does not let this user block on a list
RETRY_S = 1.0
# CPU seconds after the result, as of its charts, that are worth a transaction of their own
LEAST_CPU_S = 0.1
COURSE_PATIENCE_S = 5.0  # of that transaction, which nobody waits for
IMAGE_CHECK_S = IDLE_EXPIRY_S // 2  # between two comparisons of its image with the platform's


class RunWorker:
    """One message, one run, one outcome."""

    def __init__(self, messages: MessageWorker, engine: Engine, settings: Settings) -> None:
        self._messages = messages
        self._engine = engine
        self._settings = settings
        self._deadline = 0.0
        self._timed_out = False
        self._unrecorded_cpu_s = 0.0
        self._images = set[str | None]()  # those under which it goes on waiting

    def work(self) -> bool:
        """Pop one message and run it; False when the run failed, or nothing could be persisted."""
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
        """Return False once the leader runs another image than this process; True while the database is away.

        The image that led at the first check counts as current, too: Jobs of a new image may start before its
        reconciler leads, and would otherwise take nothing until then.
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
        """Claim the run, let a child process run it, and record the outcome; False when that is a failure."""
        ticket = attempt_of(job.id)
        course.mark("claimed")
        try:
            turn, claim, prices = self._claim(ticket)
        except StaleMessage as error:
            log.info("message_stale reason=%s", error)
            self._messages.drop(job.id, STALE)
            return True
        except OperationalError as error:
            log.error("claim_failed reason=%s", error.orig)
            return termination.requested and self._messages.put_back(job)
        if turn.attempt != ticket:
            job = self._messages.exchange(job, claim, turn.ticket_waits)
        # a signal between pop and claim has no child to kill
        exit_code = (
            ChildExit.NOT_PERSISTED
            if termination.requested
            else self._run_child(job, claim, prices)
        )
        is_good = record_outcome(self._engine, self._settings, claim, exit_code, self._timed_out)
        self._record_course(claim, exit_code)
        self._messages.archive(job, exit_code)
        return is_good

    def _claim(self, ticket: Attempt) -> tuple[Turn, Claim, Packed]:
        """Claim the run, and read its prices over the same connection, so that the child needs none for them."""
        token, lease_s, name = str(uuid4()), self._settings.lease_s, self._messages.name
        turn = None if self._messages.is_ticket else Turn(ticket, False)

        def claim_next(connection: Connection) -> tuple[Turn, Claim, Packed]:
            nonlocal turn
            turn, claim = claim_turn(connection, ticket, turn, token, lease_s, name)
            course.mark(CLAIMED)
            prices = prices_of(connection, claim.request, claim.study_id)
            mark_served(connection, turn)
            return turn, claim, prices

        turn, claim, prices = persist(
            self._engine, claim_next, CLAIM_PATIENCE_S, lambda: termination.requested
        )
        set_log_context(
            run_id=claim.run_id, attempt=claim.attempt, batch_id=claim.request.batch_id
        )
        log.info("run_claimed worker=%s", name)
        return turn, claim, prices

    def _run_child(self, job: Job, claim: Claim, prices: Packed) -> int:
        """Run the claimed attempt in a child process; return its exit code, negative when a signal killed it."""

        def run(child: ChildProcess) -> int:
            course.mark("libraries")
            # only the child loads numpy and the engine
            from consumer.job.task import run_backtest

            return run_backtest(claim, prices, self._engine, self._settings, child)

        is_python = claim.request.rule_type == "PYTHON"
        if is_python:
            from consumer.sealed import seal

            seal.hide_memory()  # of this process and of the child
            seal.adopt_orphans()
        self._deadline = time.monotonic() + self._settings.run_timeout_s + OVERTIME_S
        self._engine.dispose()  # a connection must not live in two processes
        child = ChildProcess(run)
        termination.set_child(child.pid)
        self._messages.mark_started(job)
        while (exit_code := child.wait(self._next_beat_s())) is None:
            self._beat(claim, child)
            self._messages.send_heartbeat(job)
        course.mark("ended")
        termination.set_child(0)
        if is_python:
            seal.await_orphans()
        self._unrecorded_cpu_s = child.unrecorded_cpu_s()
        return exit_code

    def _record_course(self, claim: Claim, exit_code: int) -> None:
        """Record what the child could not: how it ended, its charts, its CPU; only logged without a database."""
        cpu_s, marks = self._unrecorded_cpu_s, course.marks()
        if exit_code == ChildExit.SUCCEEDED and CHARTS not in marks and cpu_s < LEAST_CPU_S:
            return

        def write(connection: Connection) -> None:
            save_attempt(connection, claim, marks, course.log_text())
            if cpu_s >= LEAST_CPU_S:
                add_usage(connection, claim.submitted_by, cpu_s=cpu_s)

        try:
            persist(self._engine, write, COURSE_PATIENCE_S)
        except DBAPIError as error:
            log.warning("course_not_recorded cpu_s=%.1f reason=%s", cpu_s, error.orig)

    def _next_beat_s(self) -> float:
        return max(0.1, min(self._settings.heartbeat_s, self._deadline - time.monotonic()))

    def _beat(self, claim: Claim, child: ChildProcess) -> None:
        """Extend the lease; kill the child when the run belongs to another process, or takes too long."""
        if child.computed_at:
            self._deadline = child.computed_at + WRITING_S
        if time.monotonic() > self._deadline:
            self._timed_out = not child.computed_at
            termination.kill_child()
        try:
            with self._engine.begin() as connection:
                extend_lease(connection, claim, self._settings.lease_s)
                if claim.kind is not Kind.RUN:
                    save_progress(connection, claim.run_id, child.progress)
        except LeaseLost as error:
            log.warning("lease_lost reason=%s", error)
            termination.kill_child()
        except OperationalError as error:
            log.warning("heartbeat_missed reason=%s", error.orig)


def main() -> int:
    """Work on one message; the exit code is the outcome (see consumer/__main__.py)."""
    return run_program("consumer", _run_job)


def _run_job(settings: Settings) -> int:
    course.begin()
    engine = connect_database(settings.database_url)
    # how long the parent may wait for Redis, since the same loop extends the lease
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


def wait_and_pop(
    messages: MessageWorker, idle_s: int, is_current: Callable[[], bool]
) -> Job | None:
    """Call `messages.pop()` once a message waits; None after `idle_s` without one, or when another image is current.

    Until it pops, a signal ends the process with 0. An outage of Redis is waited out, but RedisError is raised when the
    pop itself failed, since nobody knows whether it took a message.
    """
    redis, lists = messages.queues[0].connection, QueueLists(messages.queues)
    until, timeout_s, is_loaded = time.monotonic() + idle_s, 0.0, False
    while (now := time.monotonic()) < until:
        has_message = lists.wait(min(timeout_s, until - now))
        if not is_current():
            log.info("image_replaced")
            return None
        if has_message:
            if job := messages.pop():
                with redis_may_fail("wait"):
                    mark_idle(redis, messages.name, False)
                return job
            continue
        with redis_may_fail("wait"):
            mark_idle(redis, messages.name, True)
        if not is_loaded:
            from consumer.job import template  # it imports all that a Job needs

            template.load_lazy_parts()
            is_loaded, timeout_s = True, IMAGE_CHECK_S
            log.info("job_waiting for_s=%d", idle_s)
    log.info("job_idled_out after_s=%d", idle_s)
    return None


class QueueLists:
    """Wait for a message in any of the lists without taking one: a BLMOVE of a list's head to where it is.

    Redis answers as soon as there is a message, and waiting costs nothing; polling twenty times a second would take a
    percent of a core.
    """

    def __init__(self, queues: Sequence[Queue]) -> None:
        self._redis = queues[0].connection
        pool = self._redis.connection_pool
        # by the key of each list, the connection on which its answer comes
        self._connections: dict[str, Any] = {
            queue.key: pool.make_connection() for queue in queues
        }
        self._pending = set[str]()  # keys whose answer is still to come

    def wait(self, timeout_s: float) -> bool:
        """Return True once a message waits; False after `timeout_s`, where 0 looks once, and while Redis is away."""
        with redis_may_fail("wait"), suppress(ResponseError):  # it is full, or this user may not
            return self._block(timeout_s) if timeout_s else self._has_message()
        for connection in self._connections.values():
            connection.disconnect()
        self._pending.clear()
        time.sleep(RETRY_S)
        with suppress(RedisError):
            return self._has_message()
        return False

    def _has_message(self) -> bool:
        return bool(self._redis.exists(*self._connections))

    def _block(self, timeout_s: float) -> bool:
        for key in self._connections.keys() - self._pending:
            block_s = max(timeout_s, 0.01)  # 0 would be forever
            self._connections[key].send_command("BLMOVE", key, key, "LEFT", "LEFT", block_s)
            self._pending.add(key)
        sockets = {connection._sock: key for key, connection in self._connections.items()}
        readable, _, _ = select.select(sockets, [], [], timeout_s + RETRY_S)
        keys = {sockets[each] for each in readable}
        self._pending -= keys
        answers = [self._connections[key].read_response() for key in keys]
        return any(answers)
