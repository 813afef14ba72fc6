"""`python -m tests.manifests.checks`: every fault of the manifests, one per line; exit code 1 when there is one."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from adapters.settings import PROJECT_ROOT
from tests.manifests.checks import environment, scaling, schemas, wiring
from tests.manifests.checks.documents import Platform, read_platform

# in the order in which their faults are worth reading
CHECKS: dict[str, Callable[[Platform], Iterator[str]]] = {
    name: check
    for module in (schemas, wiring, environment, scaling)
    for name, check in vars(module).items()
    if name.startswith("check_")
}


def main(root: Path = PROJECT_ROOT) -> int:
    """Check the manifests below `root`; 0 when there is nothing to say."""
    try:
        platform = read_platform(root)
        faults = faults_of(platform)
    except ValueError as error:
        faults = [str(error)]
    if not faults:
        print(f"{len(platform.documents)} manifests are in order")
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


def faults_of(platform: Platform) -> list[str]:
    """Every fault that any check finds; a check that stumbles over a malformed object is a fault itself."""
    faults: list[str] = []
    for name, check in CHECKS.items():
        try:
            faults.extend(check(platform))
        except (LookupError, TypeError, AttributeError, ValueError, OSError) as error:
            faults.append(
                f"{name}: the manifests lack what it reads: {type(error).__name__}: {error}"
            )
    return faults


if __name__ == "__main__":
    sys.exit(main())
