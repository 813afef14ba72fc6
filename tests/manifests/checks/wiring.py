"""Names in manifests exist: Services, ports, roles, the image, and the metrics that web exposes."""

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.manifests.checks.documents import Platform

_COMPONENT = "app.kubernetes.io/component"
# not rules, which have a colon
_METRIC = re.compile(r"(?<![:\w])backtest_\w+?(?=(?:_total|_bucket|_sum|_count)?\b)")
_EXPOSED = re.compile(r'(?:MetricFamily|Histogram|_gauges)\(\s*"(\w+)"')


def check_services(platform: Platform) -> Iterator[str]:
    """Services that lead to no pod, or to ports which it does not have."""
    for service in platform.of_kind("Service"):
        selector = service.spec["selector"].items()
        pods = [pod for pod in platform.workloads if selector <= pod.labels.items()]
        for port in service.spec["ports"]:
            if not pods or any(port["targetPort"] not in pod.ports for pod in pods):
                names = ", ".join(pod.name for pod in pods)
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
    for target, login in (("mysql", "DB_PASSWORD"), ("redis", "REDIS_PASSWORD")):
        roles = {
            workload.labels[_COMPONENT]
            for workload in platform.workloads
            if login in workload.own_env
        }
        way_in = platform.one("NetworkPolicy", target)
        way_out = platform.one("NetworkPolicy", f"to-{target}")
        asking = way_in.spec["ingress"][0]["from"][0]["podSelector"]
        for policy, selector in ((way_in, asking), (way_out, way_out.spec["podSelector"])):
            allowed = set(selector["matchExpressions"][0]["values"])
            if allowed != roles:
                yield policy.fault(
                    f"allows {sorted(allowed)}, and {login} is with {sorted(roles)}"
                )


def check_image(platform: Platform) -> Iterator[str]:
    """Roles that do not run the same build, and an image whose user, port or command is not what they expect."""
    if len({workload.container["image"] for workload in platform.ours}) != 1:
        yield "one build for all roles, but the manifests name several"
    dockerfile = platform.text("Dockerfile").splitlines()
    for workload in platform.ours:
        user = workload.pod["securityContext"]["runAsUser"]
        lines = {f"USER {user}:{user}"}
        lines |= {
            f"EXPOSE {port['containerPort']}" for port in workload.container.get("ports", [])
        }
        if workload.name == "web":
            lines.add(f"CMD {json.dumps(workload.container['command'])}")
        for line in lines.difference(dockerfile):
            yield workload.fault(f"the Dockerfile has no line {line}")


def check_folders(platform: Platform) -> Iterator[str]:
    """Objects that kubectl apply -f k8s/ and Argo CD must not take along."""
    for document in platform.documents:
        if document.file.count("/") == 1 and document.kind in ("Secret", "Job", "Application"):
            yield document.fault(
                "must not be where kubectl apply -f k8s/ and Argo CD take it along"
            )


def check_metrics(platform: Platform) -> Iterator[str]:
    """Alerts and panels over metrics that web does not expose; they would stay silent forever."""
    exposed = {*_EXPOSED.findall(platform.text("web/maintenance.py"))}
    for document in platform.documents:
        if document.file.startswith("k8s/monitoring/"):
            text = json.dumps(document.body).replace(r"\n", " ")
            for name in set(_METRIC.findall(text)) - exposed:
                yield document.fault(f"web exposes no metric {name}")


def check_scraping(platform: Platform) -> Iterator[str]:
    """A ServiceMonitor that finds no Service or port."""
    for monitor in platform.of_kind("ServiceMonitor"):
        selector = monitor.spec["selector"]["matchLabels"].items()
        ports = [
            port["name"]
            for service in platform.of_kind("Service")
            if selector <= service.body["metadata"]["labels"].items()
            for port in service.spec["ports"]
        ]
        for endpoint in monitor.spec["endpoints"]:
            if endpoint["port"] not in ports:
                yield monitor.fault(
                    f"no Service that it selects has the port {endpoint['port']!r}"
                )
