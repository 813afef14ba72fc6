"""Is every pod small, unprivileged and of a known image?"""

import re
from collections.abc import Iterator

from scripts.manifests.documents import OUR_IMAGE, Platform, Workload
from scripts.manifests.quantities import cores, mebibytes

_OUR_TAG = re.compile(r"^[a-z0-9./-]+/stock-backtest:[0-9a-f]{7,40}$")  # a git commit, so it is never reused
_THEIR_TAG = re.compile(r"^[a-z0-9./-]+:[0-9]+\.[0-9]+\.[0-9]+$")
_VOLUMES = ("emptyDir", "configMap", "secret", "persistentVolumeClaim", "projected", "downwardAPI")


def check_images(platform: Platform) -> Iterator[str]:
    """Tags that may move, and roles that do not run the same build."""
    images = {workload.container.get("image", "") for workload in platform.workloads if workload.is_ours}
    if len(images) > 1:
        yield f"one build for all roles, but the manifests name {', '.join(sorted(images))}"
    for workload in platform.workloads:
        image = workload.container.get("image", "")
        pattern = _OUR_TAG if OUR_IMAGE in image else _THEIR_TAG
        if not pattern.match(image):
            yield workload.fault(f"image {image!r}: a git commit (ours) or a full version (theirs) is expected as tag")


def check_resources(platform: Platform) -> Iterator[str]:
    """Containers without requests and limits of CPU and memory, or with limits below requests."""
    for workload in platform.workloads:
        resources = workload.container.get("resources", {})
        for kind, number in (("cpu", cores), ("memory", mebibytes)):
            given = [resources.get(part, {}).get(kind) for part in ("requests", "limits")]
            if None in given:
                yield workload.fault(f"{kind} needs a request and a limit, not {given}")
            elif number(str(given[0])) > number(str(given[1])):
                yield workload.fault(f"{kind}: the request {given[0]} is above the limit {given[1]}")


def check_privileges(platform: Platform) -> Iterator[str]:
    """What Pod Security `restricted` would refuse, and what goes beyond it: read-only root, no token, no links."""
    for workload in platform.workloads:
        pod, container = workload.pod, workload.container
        of_pod, own = pod.get("securityContext", {}), container.get("securityContext", {})
        facts = {
            "runAsNonRoot: true": of_pod.get("runAsNonRoot") is True and own.get("runAsNonRoot", True) is True,
            "a numeric runAsUser above 0": _is_user(of_pod.get("runAsUser")) and _is_user(own.get("runAsUser", 1)),
            "seccompProfile RuntimeDefault": of_pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "allowPrivilegeEscalation: false": own.get("allowPrivilegeEscalation") is False,
            "readOnlyRootFilesystem: true": own.get("readOnlyRootFilesystem") is True,
            "capabilities: drop ALL and add none": own.get("capabilities") == {"drop": ["ALL"]},
            "privileged must stay off": not own.get("privileged"),
            "no host namespaces": not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
            "automountServiceAccountToken: false": pod.get("automountServiceAccountToken") is False,
            "enableServiceLinks: false": pod.get("enableServiceLinks") is False,
        }
        yield from (workload.fault(f"expected {fact}") for fact, holds in facts.items() if not holds)


def check_volumes(platform: Platform) -> Iterator[str]:
    """Mounts of volumes that do not exist, kinds that `restricted` refuses, emptyDirs without a bound, no /tmp."""
    for workload in platform.workloads:
        volumes = {each["name"]: each for each in workload.pod.get("volumes", [])}
        claims = [each["metadata"]["name"] for each in workload.document.spec.get("volumeClaimTemplates", [])]
        mounts = workload.container.get("volumeMounts", [])
        for mount in mounts:
            if mount["name"] not in [*volumes, *claims]:
                yield workload.fault(f"mounts the volume {mount['name']!r}, which the pod does not have")
        for name, volume in volumes.items():
            if not any(kind in volume for kind in _VOLUMES):
                yield workload.fault(f"volume {name!r} is of a kind that restricted refuses")
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield workload.fault(f"emptyDir {name!r} has no sizeLimit and could fill the node")
        if workload.is_ours and not _has_tmp(workload, volumes):
            yield workload.fault("needs an emptyDir on /tmp, the only place that may be written to")


def check_accounts(platform: Platform) -> Iterator[str]:
    """Pods under accounts that do not exist or carry a token, and rights that nobody needs."""
    accounts = {each.name: each for each in platform.of_kind("ServiceAccount")}
    for workload in platform.workloads:
        if workload.pod.get("serviceAccountName") not in accounts:
            yield workload.fault(f"serviceAccountName {workload.pod.get('serviceAccountName')!r} does not exist")
    for account in accounts.values():
        if account.body.get("automountServiceAccountToken") is not False:
            yield account.fault("automountServiceAccountToken: false is expected")
    for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
        for document in platform.of_kind(kind):
            yield document.fault("no program here needs the Kubernetes API")


def _is_user(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _has_tmp(workload: Workload, volumes: dict[str, dict[str, object]]) -> bool:
    mounts = workload.container.get("volumeMounts", [])
    return any(each["mountPath"] == "/tmp" and "emptyDir" in volumes.get(each["name"], {}) for each in mounts)
