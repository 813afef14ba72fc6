"""The lead of a reconciler: a named row in the database, renewed by a thread of its own while the work goes on."""

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

# a leader that is silent for this part of a run's lease is succeeded, within 10 s by default
LEADS_PER_LEASE = 6
RENEWALS_PER_LEAD = 3
# a leader whose work has not asked for its lead for so many leases hangs, and lets another one try
LEASES_UNTIL_STUCK = 10


class Lead:
    """Of several reconcilers one leads.

    A pass or a study's step may take many seconds where others have the cores. A thread renews the lead meanwhile: a
    gap in it would delay the judgement of every lease, since in a gap the database may have been away.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self.holder = f"{socket.gethostname()[:40]}.{os.getpid()}.{uuid4().hex[:8]}"
        self._lead_s = settings.lease_s / LEADS_PER_LEASE
        self.renewal_s = self._lead_s / RENEWALS_PER_LEAD
        self._renewing = Lock()
        self._thread = Thread(target=self._keep, name="lead", daemon=True)
        self._worked_at = 0.0
        self._leads = False
        self._led_s = 0.0
        self._until = 0.0  # by time.monotonic
        self._awaits_schema = False

    def start(self) -> None:
        """Take the lead as soon as nobody else has it."""
        self._worked_at = time.monotonic()
        self._thread.start()

    def check(self) -> float | None:
        """Report that the work goes on. Seconds for which there has been a lead, None while this process has none."""
        if not self._thread.is_alive():
            raise RuntimeError("the thread that renews the lead has died; its error is above")
        self._worked_at = time.monotonic()
        return self._led_s if self._worked_at < self._until else None

    def give_up(self) -> None:
        """Let another reconciler lead at once; this one does not renew it any more."""
        # a renewal under way waits for the database, and so would this
        if self._renewing.acquire(timeout=self.renewal_s) and self._leads:
            with suppress(DBAPIError):
                give_up_lead(self._engine, self.holder)

    def _keep(self) -> NoReturn:
        stuck_s = LEASES_UNTIL_STUCK * self._settings.lease_s
        while True:
            if time.monotonic() - self._worked_at < stuck_s:
                with self._renewing:
                    self._renew()
            time.sleep(self.renewal_s)

    def _renew(self) -> None:
        began = time.monotonic()
        # a lead that has run out was silent all its time
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
        self._led_s, self._until = led_s or 0.0, began + self._lead_s if leads else 0.0
        if leads != self._leads:
            log.info("reconciler_%s holder=%s", "leads" if leads else "stands_by", self.holder)
        self._leads = leads

    def _report(self, error: DBAPIError) -> None:
        """Log a warning; but of a schema that is still to be made, as at a first installation, one quiet line."""
        if not lacks_schema(error):
            log.warning("pass_failed reason=%s", error.orig)
        elif not self._awaits_schema:
            log.info("schema_awaited reason=%s", error.orig)
        self._awaits_schema = lacks_schema(error)
