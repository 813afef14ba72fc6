"""`python -m consumer.reconciler`: every few seconds, advance studies and repair what crashes and outages have left.

One process is enough and two do no harm: a row in the database says which one works.
"""

from consumer.job.termination import termination

# before the imports below: a process that is PID 1 ignores signals that it has no handler for
termination.install()

import logging  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import suppress  # noqa: E402
from typing import NoReturn  # noqa: E402
from uuid import uuid4  # noqa: E402

from sqlalchemy import Engine  # noqa: E402
from sqlalchemy.exc import DBAPIError  # noqa: E402

from adapters.database import committed, connect_database  # noqa: E402
from adapters.database_errors import lacks_schema  # noqa: E402
from adapters.queue.liveness import give_up_lead, take_lead  # noqa: E402
from adapters.runs.totals import fold  # noqa: E402
from adapters.settings import Settings  # noqa: E402
from adapters.upkeep.retention import Removed, is_configured, prune_runs  # noqa: E402
from consumer.leader.plans import Plans  # noqa: E402
from consumer.leader.repairs import Repairs  # noqa: E402
from consumer.program import run_program  # noqa: E402

log = logging.getLogger("consumer.reconciler")

# a leader that is silent for this part of a run's lease is succeeded, within 10 s by default
LEADS_PER_LEASE = 6
RENEWALS_PER_LEAD = 3
# between two looks while a study or portfolio is under way, whose Jobs may take a second
ADVANCING_S = 0.3


class Reconciler:
    """Repairs, counters, retention, and plans, such as studies, that move on, in a loop, while it leads.

    Leases are judged once leaders have been able to write for the length of one. Before that the database may have been
    away, so that nobody could extend a lease: the row in `leases` tells that to a process that has just started, too.
    A silence of less than half a lease costs nobody theirs, since each process extends it every quarter.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._repairs = Repairs(engine, settings, self._take_lead)
        self._pruning: Iterator[Removed] = iter(())
        self._plans = Plans(engine, self._repairs.enqueue)
        self._holder = f"{socket.gethostname()[:40]}.{os.getpid()}.{uuid4().hex[:8]}"
        self._lead_s = settings.lease_s / LEADS_PER_LEASE
        self._leads = False
        self._rests = False  # between two passes
        self._awaits_schema = False

    def run(self) -> NoReturn:
        """Keep the lead and make a pass every `reconcile_s` seconds of it, until a signal ends the process."""
        next_pass = 0.0
        pause_s = min(self._lead_s / RENEWALS_PER_LEAD, self._settings.reconcile_s)
        while True:
            is_advancing = False
            try:
                led_s = self._take_lead()
                if led_s is not None and time.monotonic() >= next_pass:
                    next_pass = time.monotonic() + self._settings.reconcile_s
                    self._repairs.make(judge_leases=led_s >= self._settings.lease_s)
                    committed(self._engine, fold)
                    self._prune()
                if led_s is not None:
                    is_advancing = self._plans.advance()
            except DBAPIError as error:
                self._leads = False
                self._say_failed(error)
            self._rests = True
            time.sleep(min(pause_s, ADVANCING_S) if is_advancing else pause_s)
            self._rests = False

    def _say_failed(self, error: DBAPIError) -> None:
        """A warning; but of a schema that is still to be made, as at a first installation, one quiet line."""
        if not lacks_schema(error):
            log.warning("pass_failed reason=%s", error.orig)
        elif not self._awaits_schema:
            log.info("schema_awaited reason=%s", error.orig)
        self._awaits_schema = lacks_schema(error)

    def _prune(self) -> None:
        """Delete one portion of what is kept no longer, in a walk over all runs that begins anew when it is through."""
        removed = next(self._pruning, None)
        if removed is None and is_configured(self._settings):
            self._pruning = prune_runs(self._engine, self._settings)
        elif removed:
            log.info(
                "runs_pruned %s", " ".join(f"{part}={count}" for part, count in removed.items())
            )

    def _take_lead(self) -> float | None:
        # a lead that has run out was silent all its time
        gap_s = self._settings.lease_s / 2 - self._lead_s
        led_s = take_lead(
            self._engine, self._holder, self._lead_s, gap_s, self._settings.image_tag
        )
        leads = led_s is not None
        if leads != self._leads:
            log.info("reconciler_%s holder=%s", "leads" if leads else "stands_by", self._holder)
        self._leads = leads
        return led_s

    def retire(self) -> None:
        """Let another reconciler take over at once, unless the database may be what this one hangs on."""
        if self._leads and self._rests:
            with suppress(DBAPIError):
                give_up_lead(self._engine, self._holder)
        log.info("reconciler_stopped holder=%s", self._holder)


def main() -> int:
    """Reconcile until SIGTERM or SIGINT."""
    return run_program("reconciler", _reconcile)


def _reconcile(settings: Settings) -> NoReturn:
    reconciler = Reconciler(connect_database(settings.database_url), settings)
    log.info("reconciler_started every_s=%g", settings.reconcile_s)
    termination.before_exit = reconciler.retire
    reconciler.run()


if __name__ == "__main__":
    sys.exit(main())
