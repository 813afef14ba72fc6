"""Do image, Argo CD and the workflow deliver what the manifests run?"""

import json
import re
from collections.abc import Iterator

from scripts.manifests.documents import FOLDERS, SECRET_TEMPLATE, Platform, Workload

_SYNCED = ("k8s", "keda")
_PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def check_dockerfile(platform: Platform) -> Iterator[str]:
    """An image whose user, port or default command differs from what the manifests expect."""
    text = platform.text("Dockerfile")
    for workload in (each for each in platform.workloads if each.is_ours):
        user = workload.pod["securityContext"].get("runAsUser")
        if f"\nUSER {user}:{user}\n" not in text:
            yield workload.fault(f"runs as {user}, and the Dockerfile has no line USER {user}:{user}")
        for port in workload.container.get("ports", []):
            if f"\nEXPOSE {port['containerPort']}\n" not in text:
                yield workload.fault(f"the Dockerfile does not EXPOSE {port['containerPort']}")
        if workload.document.name == "web" and f"\nCMD {_exec_form(workload)}\n" not in text:
            yield workload.fault("its command differs from the Dockerfile's CMD")


def _exec_form(workload: Workload) -> str:
    return json.dumps(workload.container.get("command"))


def check_argocd(platform: Platform) -> Iterator[str]:
    """An Application that leaves a folder out, drifts, or would meet what must not be synchronised."""
    for application in platform.of_kind("Application"):
        sources = application.spec["sources"]
        if [source["path"] for source in sources] != list(_SYNCED):
            yield application.fault(f"its sources must be {' and '.join(_SYNCED)}")
        automated = application.spec["syncPolicy"].get("automated", {})
        if automated.get("selfHeal") is not True or automated.get("prune") is not True:
            yield application.fault("automated sync with prune and selfHeal is expected")
    for document in platform.documents:
        synced = document.file.rpartition("/")[0] in _SYNCED
        if synced and document.kind in ("Secret", "Job", "Application"):
            yield document.fault("must not stand where kubectl apply -f k8s/ and Argo CD take it along")


def check_prune_exemptions(platform: Platform) -> Iterator[str]:
    """Databases, or their namespace, that a file lost from git would delete."""
    for document in platform.of_kind("StatefulSet") + platform.of_kind("Namespace"):
        annotations = document.body["metadata"].get("annotations", {})
        if annotations.get("argocd.argoproj.io/sync-options") != "Prune=false":
            yield document.fault("the annotation argocd.argoproj.io/sync-options: Prune=false is expected")


def check_workflows(platform: Platform) -> Iterator[str]:
    """Actions that are not pinned by commit, with their version beside it."""
    for file in sorted((platform.root / ".github/workflows").glob("*.yml")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            _, found, action = line.partition("uses: ")
            if found and not _PINNED.match(action.strip()):
                yield f".github/workflows/{file.name}:{number}: {action}: expected owner/action@<40 hex> # v<version>"


def check_folders(platform: Platform) -> Iterator[str]:
    """Manifests in folders that nothing here checks."""
    for folder in _SYNCED:
        for file in sorted((platform.root / folder).rglob("*.y*ml")):
            shown = file.relative_to(platform.root)
            ignored = shown.parent.as_posix() == "k8s/secret" and file.name != SECRET_TEMPLATE
            if (shown.parent.as_posix() not in FOLDERS or file.suffix != ".yaml") and not ignored:
                yield f"{shown}: manifests are *.yaml in {', '.join(FOLDERS)}"
