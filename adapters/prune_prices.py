"""`python -m adapters.prune_prices`: forget versions of prices that are not current and that no run refers to."""

import argparse
import sys

from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.settings import load_settings
from adapters.store.database import connect_database
from adapters.store.price_pruning import prune
from adapters.store.prices import Version
from contracts.errors import PlatformError


def main() -> int:
    """List the unused versions of DATABASE_URL, forgotten unless it is a dry run; 0 when that could be done."""
    parser = argparse.ArgumentParser(prog="python -m adapters.prune_prices", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="list them only")
    dry_run = parser.parse_args().dry_run
    try:
        unused = prune(connect_database(load_settings().database_url), dry_run=dry_run)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (OperationalError, ProgrammingError) as error:
        sys.stderr.write(f"the prices could not be read: {error.orig}\n")
        return 1
    lines = [*map(_line, unused), f"{len(unused)} versions {'would be ' if dry_run else ''}forgotten"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _line(unused: Version) -> str:
    held = f"{unused.bars:,} bars from {unused.first_bar} to {unused.last_bar}"
    return f"{unused.ticker} {unused.timeframe} {unused.data_hash[:12]}: {held}, loaded {unused.loaded_at:%Y-%m-%d}"


if __name__ == "__main__":
    sys.exit(main())
