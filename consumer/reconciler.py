"""`python -m consumer.reconciler`: every few seconds, repair what crashes and outages have left, and advance plans.

One process is enough and two do no harm: a row in the database decides which one works.
"""

from consumer.job.termination import termination

# before the imports below: a process that is PID 1 ignores signals that it has no handler for
termination.install()

import logging  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from typing import NoReturn  # noqa: E402

from sqlalchemy import Engine  # noqa: E402
from sqlalchemy.exc import DBAPIError  # noqa: E402

from adapters.database import committed, connect_database  # noqa: E402
from adapters.logs import run_program  # noqa: E402
from adapters.maintenance.retention import Removed, is_configured, prune_runs  # noqa: E402
from adapters.runs.totals import fold  # noqa: E402
from adapters.settings import Settings  # noqa: E402
from consumer.leader.lead import Lead, Plans, Repairs  # noqa: E402

log = logging.getLogger("consumer.reconciler")

# pause between passes while a plan advances, whose Jobs may take a second, or another process leads
ADVANCING_S = 0.3


class Reconciler:
    """A loop over repairs, counters, retention and plans, for as long as this process leads.

    Leases are judged once leaders have been able to write for the length of one. Until then the database may have been
    away, so that no process could extend its lease; the row in `leases` tells this even to a process that has just
    started. A silence of less than half a lease is harmless, since each process extends its lease every quarter of it.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._lead = Lead(engine, settings)
        self._repairs = Repairs(engine, settings)
        self._pruning: Iterator[Removed] = iter(())
        self._plans = Plans(engine, self._repairs.enqueue)
        self._next_judgement = self._next_pass = 0.0
        self._is_pausing = False

    def run(self) -> NoReturn:
        """Do what is due whenever this process leads, until a signal ends it."""
        self._lead.start()
        long_s = min(self._lead.renewal_s, self._settings.reconcile_s)
        while True:
            is_idle = False
            try:
                led_s = self._lead.check()
                if led_s is not None:
                    is_idle = not self._work(led_s)
            except DBAPIError as error:
                log.warning("pass_failed reason=%s", error.orig)
            self._is_pausing = True
            time.sleep(long_s if is_idle else min(long_s, ADVANCING_S))
            self._is_pausing = False

    def _work(self, led_s: float) -> bool:
        """Do what is due, the leases first; True while a plan advances."""
        now = time.monotonic()
        if led_s >= self._settings.lease_s and now >= self._next_judgement:
            self._next_judgement = now + self._lead.renewal_s
            self._repairs.retry_lost()
        if now >= self._next_pass:
            self._next_pass = now + self._settings.reconcile_s
            self._repairs.make()
            committed(self._engine, fold)
            self._prune()
        return self._plans.advance()

    def _prune(self) -> None:
        """Delete one portion of expired data, in a walk over all runs that restarts at its end."""
        removed = next(self._pruning, None)
        if removed is None and is_configured(self._settings):
            self._pruning = prune_runs(self._engine, self._settings)
        elif removed:
            log.info(
                "runs_pruned %s", " ".join(f"{part}={count}" for part, count in removed.items())
            )

    def stop(self) -> None:
        """Let another reconciler take over at once, unless this one may be waiting for the database."""
        if self._is_pausing:
            self._lead.give_up()
        log.info("reconciler_stopped holder=%s", self._lead.holder)


def main() -> int:
    """Reconcile until SIGTERM or SIGINT."""
    return run_program("reconciler", _reconcile)


def _reconcile(settings: Settings) -> NoReturn:
    reconciler = Reconciler(connect_database(settings.database_url), settings)
    log.info("reconciler_started every_s=%g", settings.reconcile_s)
    termination.before_exit = reconciler.stop
    reconciler.run()


if __name__ == "__main__":
    sys.exit(main())
