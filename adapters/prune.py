"""`python -m adapters.prune runs` or `prices`: delete data that has expired; with --dry-run only count it.

runs: series, whole runs, plans and rows of the audit, by the settings KEEP_…. prices: versions of prices that are not
current and that no run refers to.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.database import connect_database, reading
from adapters.maintenance.retention import Removed, is_configured, parts, prune_runs
from adapters.prices.loading import delete_unused, unused_versions
from adapters.settings import Settings, load_settings
from contracts.errors import PlatformError


def main() -> int:
    """Prune the database of DATABASE_URL; return 0 on success."""
    parser = argparse.ArgumentParser(prog="python -m adapters.prune", description=__doc__)
    parser.add_argument("what", choices=["runs", "prices"])
    parser.add_argument(
        "--dry-run", action="store_true", help="delete nothing, count what would be deleted"
    )
    arguments = parser.parse_args()
    try:
        settings = load_settings()
        engine = connect_database(settings.database_url)
        prune = _runs if arguments.what == "runs" else _prices
        for line in prune(engine, settings, arguments.dry_run):
            sys.stdout.write(f"{line}\n")
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (OperationalError, ProgrammingError) as error:
        sys.stderr.write(f"the {arguments.what} could not be read: {error.orig}\n")
        return 1
    return 0


def _runs(engine: Engine, settings: Settings, dry_run: bool) -> Iterator[str]:
    if not is_configured(settings):
        yield "no KEEP_ setting is set, so everything is kept"
        return
    removed: Removed = Counter()
    for portion in prune_runs(engine, settings, dry_run=dry_run):
        removed += portion
    counted = ", ".join(f"{removed[part.name]:,} {part.name}" for part in parts())
    counted += f", {removed['audit']:,} rows of the audit" if settings.keep_audit_days else ""
    yield f"{counted} {'would be ' if dry_run else ''}deleted"


def _prices(engine: Engine, _: Settings, dry_run: bool) -> Iterator[str]:
    if dry_run:
        with reading(engine) as connection:
            unused = unused_versions(connection)
    else:
        unused = delete_unused(engine)
    for each in unused:
        bars = f"{each.bars:,} bars from {each.first_bar} to {each.last_bar}"
        yield f"{each.ticker} {each.timeframe} {each.data_hash[:12]}: {bars}, loaded {each.loaded_at:%Y-%m-%d}"
    yield f"{len(unused)} versions {'would be ' if dry_run else ''}deleted"


if __name__ == "__main__":
    sys.exit(main())
