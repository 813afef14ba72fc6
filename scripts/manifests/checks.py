"""All checks of the manifests, in the order in which their faults are worth reading."""

from collections.abc import Callable, Iterator

from scripts.manifests import delivery, environment, scaling, schemas, wiring
from scripts.manifests.documents import Platform

CHECKS: tuple[Callable[[Platform], Iterator[str]], ...] = (
    schemas.check_schemas,
    schemas.check_house_rules,
    wiring.check_services,
    wiring.check_probes,
    wiring.check_mounts,
    wiring.check_accounts,
    wiring.check_arrows,
    environment.check_settings,
    environment.check_secrets_in_the_open,
    environment.check_secret_keys,
    environment.check_database_names,
    environment.check_compose,
    scaling.check_times,
    scaling.check_triggers,
    scaling.check_redis_users,
    scaling.check_readiness_gate,
    scaling.check_memory,
    scaling.check_requests,
    scaling.check_connections,
    delivery.check_image,
    delivery.check_folders,
    delivery.check_metrics,
    delivery.check_scraping,
)


def faults_of(platform: Platform) -> list[str]:
    """Every fault that any check finds; a check that stumbles over a malformed object is a fault itself."""
    faults: list[str] = []
    for check in CHECKS:
        try:
            faults.extend(check(platform))
        except (LookupError, TypeError, AttributeError, ValueError, OSError) as error:
            faults.append(f"{check.__name__}: the manifests lack what it reads: {type(error).__name__}: {error}")
    return faults
