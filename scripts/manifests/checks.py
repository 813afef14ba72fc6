"""All checks of the manifests, in the order in which their faults are worth reading."""

from collections.abc import Callable, Iterator

from scripts.manifests import delivery, environment, scaling, schemas, wiring
from scripts.manifests.documents import Platform

CHECKS: dict[str, Callable[[Platform], Iterator[str]]] = {
    name: check
    for module in (schemas, wiring, environment, scaling, delivery)
    for name, check in vars(module).items()
    if name.startswith("check_")
}


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
