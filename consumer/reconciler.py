"""`python -m consumer.reconciler`: every few seconds, mend what crashes and outages have left behind.

One process is enough and two do no harm: a row in the database says which one works.
"""

from consumer.termination import termination

termination.install()  # before the imports below: a process that is PID 1 ignores signals that it has no handler for

import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from contextlib import suppress  # noqa: E402
from typing import NoReturn  # noqa: E402
from uuid import uuid4  # noqa: E402

from sqlalchemy.engine import Engine  # noqa: E402
from sqlalchemy.exc import DBAPIError  # noqa: E402

from adapters.logs import configure_logging  # noqa: E402
from adapters.settings import Settings, load_settings  # noqa: E402
from adapters.store.database import connect_database  # noqa: E402
from adapters.store.leases import give_up_lead, take_lead  # noqa: E402
from consumer.repairs import Repairs  # noqa: E402
from contracts.errors import InvalidSettings  # noqa: E402

log = logging.getLogger("consumer.reconciler")

LEAD = "reconciler"
PASSES_PER_LEAD = 3  # a leader that has missed so many passes is succeeded


class Reconciler:
    """Repairs in a loop, while it leads."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._repairs = Repairs(engine, settings)
        self._holder = f"{socket.gethostname()[:40]}.{os.getpid()}.{uuid4().hex[:8]}"
        self._leads = False
        self._rests = False  # between two passes
        self._judge_after = 0.0

    def run(self) -> NoReturn:
        """Make a pass every `reconcile_s` seconds until a signal ends the process."""
        while True:
            started = time.monotonic()
            self._pass()
            self._rests = True
            time.sleep(max(0.0, self._settings.reconcile_s - (time.monotonic() - started)))
            self._rests = False

    def _pass(self) -> None:
        try:
            if self._takes_lead():
                self._repairs.make(judge_leases=time.monotonic() >= self._judge_after)
        except DBAPIError as error:
            # while the database was away nobody could extend a lease: give everyone the time of one
            self._judge_after = time.monotonic() + self._settings.reconcile_s + self._settings.lease_s
            self._leads = False
            log.warning("database_unreachable reason=%s", error.orig)

    def _takes_lead(self) -> bool:
        lead_s = PASSES_PER_LEAD * self._settings.reconcile_s
        leads = take_lead(self._engine, LEAD, self._holder, lead_s)
        if leads != self._leads:
            log.info("reconciler_%s holder=%s", "leads" if leads else "stands_by", self._holder)
        self._leads = leads
        return leads

    def retire(self) -> None:
        """Let another reconciler take over at once, unless the database may be what this one hangs on."""
        if self._leads and self._rests:
            with suppress(DBAPIError):
                give_up_lead(self._engine, LEAD, self._holder)
        log.info("reconciler_stopped holder=%s", self._holder)


def main() -> int:
    """Reconcile until SIGTERM or SIGINT; 2 when the settings are wrong."""
    try:
        settings = load_settings()
    except InvalidSettings as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings, role="reconciler")
    reconciler = Reconciler(connect_database(settings.database_url), settings)
    log.info("reconciler_started every_s=%g", settings.reconcile_s)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _stop)
    try:
        reconciler.run()
    except _Stop:
        reconciler.retire()
    return 0


class _Stop(BaseException):
    """A signal asked the process to end; what it was writing is rolled back."""


def _stop(signum: int, frame: object) -> NoReturn:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)  # the second signal is not discussed
    raise _Stop


if __name__ == "__main__":
    sys.exit(main())
