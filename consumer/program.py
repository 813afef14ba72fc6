"""How a program of the platform starts: settings, logs, then its work."""

import sys
from collections.abc import Callable, Mapping

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from contracts.errors import InvalidSettings

EXIT_USAGE = 2


def run_program(
    role: str, work: Callable[[Settings], int], environ: Mapping[str, str] | None = None
) -> int:
    """The exit code of `work`; 2 when settings or manifest are wrong. None: the process's environment."""
    try:
        settings = load_settings(environ)
        configure_logging(settings, role)
        return work(settings)
    except InvalidSettings as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
