"""Do Services, probes, mounts, accounts and network policies meet what they name?"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from scripts.manifests.documents import Platform

_COMPONENT = "app.kubernetes.io/component"
_KEDA = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}


def check_services(platform: Platform) -> Iterator[str]:
    """Services that lead to no pod or to ports which it does not have, and settings that name no Service."""
    services = {each.name: each for each in platform.of_kind("Service")}
    for service in services.values():
        selector = service.spec["selector"].items()
        pods = [pod for pod in platform.workloads if selector <= pod.labels.items()]
        for port in service.spec["ports"]:
            if not pods or any(port["targetPort"] not in pod.ports for pod in pods):
                names = ", ".join(pod.document.name for pod in pods)
                yield service.fault(f"targetPort {port['targetPort']!r} is not a port of the pods it selects: {names}")
    url = urlsplit(platform.config["REDIS_URL"])
    databases = (platform.config["DB_HOST"], int(platform.config["DB_PORT"])), (url.hostname, url.port)
    for host, number in databases:
        if host not in services or number not in [port["port"] for port in services[host].spec["ports"]]:
            yield f"k8s/configmap.yaml: no Service {host!r} has the port {number}"
    for ingress in platform.of_kind("Ingress"):
        for path in [path for rule in ingress.spec["rules"] for path in rule["http"]["paths"]]:
            name, port = path["backend"]["service"]["name"], path["backend"]["service"]["port"]["name"]
            if name not in services or port not in [each["name"] for each in services[name].spec["ports"]]:
                yield ingress.fault(f"no Service {name!r} has the port {port!r}")


def check_probes(platform: Platform) -> Iterator[str]:
    """HTTP probes of routes or ports that do not exist."""
    for workload in platform.workloads:
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = workload.container.get(kind, {}).get("httpGet")
            if get and get["path"] not in platform.routes:
                yield workload.fault(f"{kind}: web has no route {get['path']}")
            if get and get["port"] not in workload.ports:
                yield workload.fault(f"{kind}: the container has no port {get['port']!r}")


def check_pods(platform: Platform) -> Iterator[str]:
    """Accounts and volumes that do not exist, and programs of ours without the only place that they may write to."""
    accounts = [each.name for each in platform.of_kind("ServiceAccount")]
    claims = [each.name for each in platform.of_kind("PersistentVolumeClaim")]
    for workload in platform.workloads:
        if workload.pod.get("serviceAccountName") not in accounts:
            yield workload.fault(f"serviceAccountName {workload.pod.get('serviceAccountName')!r} does not exist")
        volumes = workload.pod["volumes"] + workload.document.spec.get("volumeClaimTemplates", [])
        mounts = {mount["name"]: mount["mountPath"] for mount in workload.container["volumeMounts"]}
        for name in mounts.keys() - {each.get("name") or each["metadata"]["name"] for each in volumes}:
            yield workload.fault(f"mounts the volume {name!r}, which the pod does not have")
        for name in [each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each]:
            if name not in claims:
                yield workload.fault(f"the claim {name!r} does not exist")
        if workload.is_ours and "/tmp" not in mounts.values():
            yield workload.fault("needs a volume on /tmp, the only place that may be written to")


def check_arrows(platform: Platform) -> Iterator[str]:
    """Network policies that forbid what a role needs, or allow what nobody needs."""
    policies = {each.name: each for each in platform.of_kind("NetworkPolicy")}
    if policies["deny-by-default"].spec != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield policies["deny-by-default"].fault("must deny ingress and egress of all pods")
    if _KEDA not in policies["redis"].spec["ingress"][0]["from"]:
        yield policies["redis"].fault("KEDA must reach Redis")
    for target, login in (("mysql", "DB_PASSWORD"), ("redis", "REDIS_PASSWORD")):
        roles = {workload.labels[_COMPONENT] for workload in platform.workloads if login in workload.own_env}
        way_in = policies[target].spec["ingress"][0]["from"][0]["podSelector"]
        way_out = policies[f"to-{target}"].spec["podSelector"]
        for name, selector in ((target, way_in), (f"to-{target}", way_out)):
            allowed = set(selector["matchExpressions"][0]["values"])
            if allowed != roles:
                yield policies[name].fault(f"allows {sorted(allowed)}, and {login} is with {sorted(roles)}")
