"""The manifests as they are in the checkout, and how to look into them."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from adapters.settings import Settings
from contracts.values import Json, frozen

DEFAULTS = {each.name.upper(): str(each.default) for each in fields(Settings)}
_MIB = {"Mi": 1, "Gi": 1024}
_ROUTE = re.compile(r'^@\w+\.(?:get|post|delete|put|route)\(\s*"([^"]+)"', re.MULTILINE)


@frozen
class Document:
    """One Kubernetes object and the file that it is in."""

    file: str  # relative to the checkout
    body: Json

    @property
    def kind(self) -> str:
        return str(self.body.get("kind"))

    @property
    def name(self) -> str:
        return str(self.body.get("metadata", {}).get("name"))

    @property
    def spec(self) -> Json:
        return self.body.get("spec") or {}

    @property
    def pod_template(self) -> Json | None:
        """The template of the pods that this object makes; None for objects that make none."""
        spec = self.spec.get("jobTemplate", self.body).get("spec") or {}
        template: Json | None = spec.get("jobTargetRef", spec).get("template")
        return template

    def fault(self, text: str) -> str:
        return f"{self.file}: {self.kind}/{self.name}: {text}"


@frozen
class Workload(Document):
    """An object that makes pods, with its pod and one of the pod's containers."""

    labels: dict[str, str]
    pod: Json
    container: Json

    @property
    def own_env(self) -> dict[str, Json]:
        """The container's own entries by name, without those of envFrom."""
        return {str(each.get("name")): each for each in self.container.get("env", [])}

    @property
    def ports(self) -> list[str]:
        """The names of the ports that it serves."""
        return [port["name"] for port in self.container.get("ports", [])]

    @property
    def memory_limit_mb(self) -> float:
        """MiB that it may hold before it is killed."""
        limit = self.container["resources"]["limits"]["memory"]
        return float(limit[:-2]) * _MIB[limit[-2:]]

    @property
    def requested_cores(self) -> float:
        """Its share of the cores where others want them too."""
        request = str(self.container["resources"]["requests"]["cpu"])
        return float(request[:-1]) / 1000 if request.endswith("m") else float(request)


@frozen
class Platform:
    root: Path
    documents: list[Document]

    def of_kind(self, kind: str) -> list[Document]:
        return [each for each in self.documents if each.kind == kind]

    def names(self, kind: str) -> list[str]:
        return [each.name for each in self.of_kind(kind)]

    def one(self, kind: str, name: str) -> Document:
        """The object of this kind and name; LookupError when there is none."""
        return {each.name: each for each in self.of_kind(kind)}[name]

    @property
    def workloads(self) -> Iterator[Workload]:
        for document in self.documents:
            if template := document.pod_template:
                pod, labels = template["spec"], template["metadata"].get("labels", {})
                for container in pod.get("initContainers", []) + pod["containers"]:
                    yield Workload(document.file, document.body, labels, pod, container)

    @property
    def ours(self) -> list[Workload]:
        """The workloads that run this project's own image."""
        return [
            each
            for each in self.workloads
            if "/stock-backtest:" in str(each.container.get("image"))
        ]

    def workload(self, name: str) -> Workload:
        """The first container of the workload with this name; LookupError when there is none."""
        return {each.name: each for each in reversed([*self.workloads])}[name]

    @property
    def config(self) -> dict[str, str]:
        """The settings that all roles share."""
        return dict(self.one("ConfigMap", "stock-backtest-config").body.get("data", {}))

    @property
    def settings(self) -> dict[str, str]:
        """The same with those that it leaves at their defaults."""
        return DEFAULTS | self.config

    @property
    def routes(self) -> set[str]:
        """The paths of all routes of web, read from its decorators without importing them."""
        return {
            path
            for file in (self.root / "web").rglob("*.py")
            for path in _ROUTE.findall(file.read_text("utf-8"))
        }

    def text(self, file: str) -> str:
        return (self.root / file).read_text("utf-8")


def read_platform(root: Path) -> Platform:
    """Every object of every manifest below `root`; ValueError names a file that is not YAML, or has a key twice."""
    files = sorted([*(root / "k8s").rglob("*.y*ml"), *(root / "keda").rglob("*.y*ml")])
    return Platform(root, [document for file in files for document in _read(root, file)])


def _read(root: Path, file: Path) -> list[Document]:
    if (
        file.is_symlink() or file.name == "kustomization.yaml"
    ):  # which names files, and is no object
        return []
    # filled copies may lie next to it and are not checked
    if file.parent.name == "secret" and file.name != "secret.example.yaml":
        return []
    name = str(file.relative_to(root))
    try:
        bodies = list(YAML(typ="safe", pure=True).load_all(file.read_text("utf-8")))
    except YAMLError as error:
        raise ValueError(f"{name}: not YAML: {error}") from error
    return [Document(name, body) for body in bodies if body]
