"""Leadership of a reconciler: a named row in the database, which a thread renews while the work goes on."""

import logging
import os
import socket
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import NoReturn
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from adapters.database_errors import lacks_schema
from adapters.queue.liveness import give_up_lead, take_lead
from adapters.settings import Settings

log = logging.getLogger("consumer.reconciler")

# of a run's lease, after which a silent leader is replaced: within 10 s by default
LEADS_PER_LEASE = 6
RENEWALS_PER_LEAD = 3
# after so many leases without a `check` the work hangs, and the lead is left to another reconciler
LEASES_UNTIL_STUCK = 10


class Lead:
    """Election of one leader among several reconcilers.

    A pass or a study's step may take many seconds on a busy machine, so a thread renews the lead meanwhile: a gap would
    delay the judgement of all leases, since the database may have been away during it.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self.holder = f"{socket.gethostname()[:40]}.{os.getpid()}.{uuid4().hex[:8]}"
        self._lead_s = settings.lease_s / LEADS_PER_LEASE
        self.renewal_s = self._lead_s / RENEWALS_PER_LEAD
        self._renewing = Lock()
        self._thread = Thread(target=self._renew_forever, name="lead", daemon=True)
        self._worked_at = 0.0
        self._leads = False
        self._led_s = 0.0
        self._until = 0.0  # by time.monotonic
        self._awaits_schema = False

    def start(self) -> None:
        """Start the thread, which takes the lead as soon as nobody else has it."""
        self._worked_at = time.monotonic()
        self._thread.start()

    def check(self) -> float | None:
        """Report that the work goes on. Returns the seconds since there is a leader; None unless this process leads."""
        if not self._thread.is_alive():
            raise RuntimeError("the thread that renews the lead has died; its error is above")
        self._worked_at = time.monotonic()
        return self._led_s if self._worked_at < self._until else None

    def give_up(self) -> None:
        """Let another reconciler lead at once, and stop renewing."""
        # where a renewal is waiting for the database, this would wait, too
        if self._renewing.acquire(timeout=self.renewal_s) and self._leads:
            with suppress(DBAPIError):
                give_up_lead(self._engine, self.holder)

    def _renew_forever(self) -> NoReturn:
        stuck_s = LEASES_UNTIL_STUCK * self._settings.lease_s
        while True:
            if time.monotonic() - self._worked_at < stuck_s:
                with self._renewing:
                    self._renew()
            time.sleep(self.renewal_s)

    def _renew(self) -> None:
        started = time.monotonic()
        # a lead that has expired was silent for its whole length
        gap_s = self._settings.lease_s / 2 - self._lead_s
        try:
            led_s = take_lead(
                self._engine, self.holder, self._lead_s, gap_s, self._settings.image_tag
            )
        except DBAPIError as error:
            self._leads = False
            self._report(error)
            return
        leads = led_s is not None
        self._led_s, self._until = led_s or 0.0, started + self._lead_s if leads else 0.0
        if leads != self._leads:
            log.info("lead_%s holder=%s", "taken" if leads else "lost", self.holder)
        self._leads = leads

    def _report(self, error: DBAPIError) -> None:
        """Log a warning, but only one quiet line about a schema that does not exist yet, as in a new installation."""
        if not lacks_schema(error):
            log.warning("pass_failed reason=%s", error.orig)
        elif not self._awaits_schema:
            log.info("schema_missing reason=%s", error.orig)
        self._awaits_schema = lacks_schema(error)
