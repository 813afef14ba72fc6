"""What the leading reconciler does beside repairs: add up what has happened, and delete what is kept no longer."""

import logging
from collections.abc import Iterator

from sqlalchemy.engine import Engine

from adapters.settings import Settings
from adapters.store.database import committed
from adapters.store.retention import Removed, is_configured, prune_runs
from adapters.store.run_totals import fold

log = logging.getLogger(__name__)


class Bookkeeping:
    """Counters, and a walk over all runs that begins anew when it is through."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._pruning: Iterator[Removed] = iter(())

    def keep(self) -> None:
        """Count what is new, then delete one portion."""
        committed(self._engine, fold)
        if is_configured(self._settings):
            self._prune()

    def _prune(self) -> None:
        removed = next(self._pruning, None)
        if removed is None:
            self._pruning = prune_runs(self._engine, self._settings)
        elif removed:
            log.info("runs_pruned %s", " ".join(f"{part}={count}" for part, count in removed.items()))
