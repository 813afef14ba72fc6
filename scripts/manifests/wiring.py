"""Do Services, settings and network policies meet what they name?"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from scripts.manifests.documents import Platform

_COMPONENT = "app.kubernetes.io/component"


def check_services(platform: Platform) -> Iterator[str]:
    """Services that lead to no pod, or to ports which it does not have."""
    for service in platform.of_kind("Service"):
        selector = service.spec["selector"].items()
        pods = [pod for pod in platform.workloads if selector <= pod.labels.items()]
        for port in service.spec["ports"]:
            if not pods or any(port["targetPort"] not in pod.ports for pod in pods):
                names = ", ".join(pod.document.name for pod in pods)
                yield service.fault(
                    f"targetPort {port['targetPort']!r} is not a port of the pods it selects: {names}"
                )


def check_addresses(platform: Platform) -> Iterator[str]:
    """Settings that name no Service."""
    config, redis = platform.config, urlsplit(platform.config["REDIS_URL"])
    served = [
        (each.name, port["port"])
        for each in platform.of_kind("Service")
        for port in each.spec["ports"]
    ]
    for address in ((config["DB_HOST"], int(config["DB_PORT"])), (redis.hostname, redis.port)):
        if address not in served:
            yield "k8s/configmap.yaml: no Service {!r} has the port {}".format(*address)


def check_arrows(platform: Platform) -> Iterator[str]:
    """Network policies that forbid what a role needs, or allow what nobody needs."""
    policies = {each.name: each for each in platform.of_kind("NetworkPolicy")}
    for target, login in (("mysql", "DB_PASSWORD"), ("redis", "REDIS_PASSWORD")):
        roles = {
            workload.labels[_COMPONENT]
            for workload in platform.workloads
            if login in workload.own_env
        }
        way_in = policies[target].spec["ingress"][0]["from"][0]["podSelector"]
        way_out = policies[f"to-{target}"].spec["podSelector"]
        for name, selector in ((target, way_in), (f"to-{target}", way_out)):
            allowed = set(selector["matchExpressions"][0]["values"])
            if allowed != roles:
                yield policies[name].fault(
                    f"allows {sorted(allowed)}, and {login} is with {sorted(roles)}"
                )
