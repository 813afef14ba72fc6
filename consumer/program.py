"""The start of each program of the platform: settings, logs, then its work."""

import sys
from collections.abc import Callable

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from contracts.errors import InvalidSettings

EXIT_USAGE = 2


def run_program(role: str, work: Callable[[Settings], int]) -> int:
    """Return the exit code of `work`, or 2 when settings or manifest are invalid."""
    try:
        settings = load_settings()
        configure_logging(settings, role)
        return work(settings)
    except InvalidSettings as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
