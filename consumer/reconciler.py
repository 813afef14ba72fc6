"""`python -m consumer.reconciler`: every few seconds, advance studies and repair what crashes and outages have left.

One process is enough and two do no harm: a row in the database says which one works.
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
from adapters.runs.totals import fold  # noqa: E402
from adapters.settings import Settings  # noqa: E402
from adapters.upkeep.retention import Removed, is_configured, prune_runs  # noqa: E402
from consumer.leader.lead import Lead  # noqa: E402
from consumer.leader.plans import Plans  # noqa: E402
from consumer.leader.repairs import Repairs  # noqa: E402
from consumer.program import run_program  # noqa: E402

log = logging.getLogger("consumer.reconciler")

# between two looks while a study or portfolio is under way, whose Jobs may take a second, or there is no lead
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
        self._lead = Lead(engine, settings)
        self._repairs = Repairs(engine, settings)
        self._pruning: Iterator[Removed] = iter(())
        self._plans = Plans(engine, self._repairs.enqueue)
        self._next_judgement = self._next_pass = 0.0
        self._rests = False  # between two looks

    def run(self) -> NoReturn:
        """Look at everything that is due, for as long as this process leads, until a signal ends it."""
        self._lead.start()
        long_s = min(self._lead.renewal_s, self._settings.reconcile_s)
        while True:
            is_resting = False
            try:
                led_s = self._lead.check()
                if led_s is not None:
                    is_resting = not self._work(led_s)
            except DBAPIError as error:
                log.warning("pass_failed reason=%s", error.orig)
            self._rests = True
            time.sleep(long_s if is_resting else min(long_s, ADVANCING_S))
            self._rests = False

    def _work(self, led_s: float) -> bool:
        """Do what is due, the leases first; whether a plan is under way."""
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
        """Delete one portion of what is kept no longer, in a walk over all runs that begins anew when it is through."""
        removed = next(self._pruning, None)
        if removed is None and is_configured(self._settings):
            self._pruning = prune_runs(self._engine, self._settings)
        elif removed:
            log.info(
                "runs_pruned %s", " ".join(f"{part}={count}" for part, count in removed.items())
            )

    def retire(self) -> None:
        """Let another reconciler take over at once, unless the database may be what this one hangs on."""
        if self._rests:
            self._lead.give_up()
        log.info("reconciler_stopped holder=%s", self._lead.holder)


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
