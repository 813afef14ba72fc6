"""Do Services, probes, selectors and network policies meet what they name?"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scripts.manifests.documents import Document, Platform, Workload, matches
from scripts.manifests.sources import web_routes

NAMESPACE = "stock-backtest"
_ELSEWHERE = {"Application": "argocd"}


def check_namespaces(platform: Platform) -> Iterator[str]:
    """Objects that would land in another namespace, and a namespace that does not enforce `restricted`."""
    for document in platform.documents:
        if document.kind == "Namespace":
            labels = document.body["metadata"].get("labels", {})
            if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
                yield document.fault("pod-security.kubernetes.io/enforce: restricted is expected")
            if any(each.file < document.file for each in platform.documents if each.file.count("/") == 1):
                yield document.fault("must be the first file of k8s/, since kubectl applies them in this order")
            continue
        namespace = document.body["metadata"].get("namespace")
        if namespace != _ELSEWHERE.get(document.kind, NAMESPACE):
            yield document.fault(f"is in the namespace {namespace!r}")


def check_selectors(platform: Platform) -> Iterator[str]:
    """Selectors that pick no pod, or other pods than their own."""
    pods = list(platform.workloads)
    for document in platform.documents:
        if document.kind in ("Deployment", "StatefulSet"):
            labels = document.spec["template"]["metadata"]["labels"]
            if not matches(document.spec["selector"], labels):
                yield document.fault("the selector does not match its own pods")
            others = [pod for pod in pods if pod.document is not document]
            if any(matches(document.spec["selector"], pod.labels) for pod in others):
                yield document.fault("the selector matches pods of another workload")
        selector = _pod_selector(document)
        if selector is not None and not any(matches(selector, pod.labels) for pod in pods):
            yield document.fault(f"selects no pod: {selector}")


def _pod_selector(document: Document) -> dict[str, Any] | None:
    if document.kind == "Service":
        return {"matchLabels": document.spec["selector"]}
    if document.kind == "PodDisruptionBudget":
        return dict(document.spec["selector"])
    return document.spec["podSelector"] if document.kind == "NetworkPolicy" else None


def check_services(platform: Platform) -> Iterator[str]:
    """Services and the Ingress that lead to ports which nobody has, and settings that name no Service."""
    services = {each.name: each for each in platform.of_kind("Service")}
    for service in services.values():
        for pod in platform.workloads:
            if matches({"matchLabels": service.spec["selector"]}, pod.labels):
                names = [port["name"] for port in pod.container.get("ports", [])]
                for port in service.spec["ports"]:
                    if port["targetPort"] not in names:
                        yield service.fault(f"targetPort {port['targetPort']!r} is not a port of {pod.document.name}")
    for setting, host, port in _addresses(platform.config):
        ports = [each["port"] for each in services[host].spec["ports"]] if host in services else []
        if port not in ports:
            yield f"k8s/configmap.yaml: {setting}: no Service {host!r} has the port {port}"
    for ingress in platform.of_kind("Ingress"):
        for path in [path for rule in ingress.spec["rules"] for path in rule["http"]["paths"]]:
            backend = path["backend"]["service"]
            found = services.get(backend["name"])
            if not found or backend["port"]["name"] not in [port["name"] for port in found.spec["ports"]]:
                yield ingress.fault(f"no Service has what the backend names: {backend}")


def _addresses(config: dict[str, str]) -> Iterator[tuple[str, str, int]]:
    yield "DB_HOST", config["DB_HOST"], int(config["DB_PORT"])
    url = urlsplit(config["REDIS_URL"])
    yield "REDIS_URL", str(url.hostname), int(url.port or 6379)


def check_probes(platform: Platform) -> Iterator[str]:
    """HTTP probes of routes or ports that do not exist, and servers without readiness or liveness."""
    routes = web_routes(platform.root)
    for workload in platform.workloads:
        ports = {port["name"]: port["containerPort"] for port in workload.container.get("ports", [])}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = workload.container.get(kind, {}).get("httpGet")
            if get and get["path"] not in routes:
                yield workload.fault(f"{kind}: web has no route {get['path']}")
            if get and get["port"] not in ports:
                yield workload.fault(f"{kind}: the container has no port {get['port']!r}")
            if ports and kind not in workload.container:
                yield workload.fault(f"serves a port and has no {kind}")


def check_arrows(platform: Platform) -> Iterator[str]:
    """Network policies that forbid what a role needs, or allow what nobody needs."""
    needed = {("keda", "redis")} | {
        (workload.labels["app.kubernetes.io/component"], host)
        for workload in platform.workloads
        for name, host in (("DB_PASSWORD", "mysql"), ("REDIS_PASSWORD", "redis"))
        if name in workload.own_env
    }
    policies = platform.of_kind("NetworkPolicy")
    ways_in = {arrow for policy in policies for arrow in _ways_in(platform, policy)}
    ways_out = {arrow for policy in policies for arrow in _ways_out(platform, policy)}
    for source, target in sorted(needed - ways_in):
        yield f"k8s/02-networkpolicies.yaml: {source} needs {target}, and no policy lets it in"
    for source, target in sorted({arrow for arrow in needed if arrow[0] != "keda"} - ways_out):
        yield f"k8s/02-networkpolicies.yaml: {source} needs {target}, and no policy lets it out"
    for source, target in sorted((ways_in | ways_out) - needed):
        yield f"k8s/02-networkpolicies.yaml: {source} may talk to {target}, and nothing of it does"
    if not any(policy.spec["podSelector"] == {} and len(policy.spec["policyTypes"]) == 2 for policy in policies):
        yield "k8s/02-networkpolicies.yaml: no policy denies ingress and egress of all pods"


def _component(workload: Workload) -> str:
    label = workload.labels["app.kubernetes.io/component"]
    return {"database": "mysql", "queue": "redis"}.get(label, label)


def _picked(platform: Platform, selector: dict[str, Any]) -> set[str]:
    return {_component(workload) for workload in platform.workloads if matches(selector, workload.labels)}


def _ways_in(platform: Platform, policy: Document) -> Iterator[tuple[str, str]]:
    targets = _picked(platform, policy.spec["podSelector"]) & {"mysql", "redis"}
    for peer in [peer for rule in policy.spec.get("ingress", []) for peer in rule["from"]]:
        names = peer.get("namespaceSelector", {}).get("matchLabels", {}).values()
        sources = _picked(platform, peer["podSelector"]) if "podSelector" in peer else set(names)
        yield from ((source, target) for source in sources for target in targets)


def _ways_out(platform: Platform, policy: Document) -> Iterator[tuple[str, str]]:
    sources = _picked(platform, policy.spec["podSelector"])
    for peer in [peer for rule in policy.spec.get("egress", []) for peer in rule["to"]]:
        targets = _picked(platform, peer["podSelector"]) if "podSelector" in peer else set()
        yield from ((source, target) for source in sources for target in targets)
