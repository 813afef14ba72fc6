"""All checks of the manifests, in the order in which their faults are worth reading."""

from collections.abc import Callable, Iterator

from scripts.manifests import delivery, environment, monitoring, pods, scaling, schemas, wiring
from scripts.manifests.documents import Platform

CHECKS: tuple[Callable[[Platform], Iterator[str]], ...] = (
    schemas.check_schemas,
    wiring.check_namespaces,
    wiring.check_selectors,
    wiring.check_services,
    wiring.check_probes,
    wiring.check_arrows,
    pods.check_images,
    pods.check_resources,
    pods.check_privileges,
    pods.check_volumes,
    pods.check_accounts,
    environment.check_names,
    environment.check_config_values,
    environment.check_service_links,
    environment.check_secret_keys,
    environment.check_database_names,
    environment.check_compose,
    scaling.check_delivery,
    scaling.check_trigger,
    scaling.check_redis_users,
    scaling.check_readiness_gate,
    scaling.check_run_memory,
    scaling.check_redis_memory,
    scaling.check_connections,
    delivery.check_dockerfile,
    delivery.check_argocd,
    delivery.check_prune_exemptions,
    delivery.check_workflows,
    delivery.check_folders,
    monitoring.check_metrics,
    monitoring.check_scraping,
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
