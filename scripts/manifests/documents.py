"""The manifests as they stand in the checkout, and how to look into them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDERS = ("k8s", "k8s/secret", "k8s/schema", "k8s/argocd", "k8s/monitoring", "keda")
SECRET_TEMPLATE = "secret.example.yaml"  # filled copies may lie beside it and are nobody's business
OUR_IMAGE = "/stock-backtest:"


@dataclass(frozen=True)
class Document:
    """One Kubernetes object and the file that it stands in."""

    file: str  # relative to the checkout
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body.get("kind"))

    @property
    def name(self) -> str:
        return str(self.body.get("metadata", {}).get("name"))

    @property
    def spec(self) -> dict[str, Any]:
        return self.body.get("spec") or {}

    @property
    def pod_template(self) -> dict[str, Any] | None:
        """The template of the pods that this object makes; None for objects that make none."""
        owner = self.spec.get("jobTargetRef", {}) if self.kind == "ScaledJob" else self.spec
        return owner.get("template") if self.kind in ("Deployment", "StatefulSet", "Job", "ScaledJob") else None

    def fault(self, text: str) -> str:
        return f"{self.file}: {self.kind}/{self.name}: {text}"


@dataclass(frozen=True)
class Workload:
    """An object that makes pods, with its pod and the pod's single container."""

    document: Document
    labels: dict[str, str]
    pod: dict[str, Any]
    container: dict[str, Any]

    @property
    def is_ours(self) -> bool:
        """True when the container runs this project's own image."""
        return OUR_IMAGE in str(self.container.get("image"))

    @property
    def own_env(self) -> dict[str, dict[str, Any]]:
        """The container's own entries by name, without those of envFrom."""
        return {str(each.get("name")): each for each in self.container.get("env", [])}

    def fault(self, text: str) -> str:
        return self.document.fault(text)


@dataclass(frozen=True)
class Platform:
    """All manifests of a checkout."""

    root: Path
    documents: list[Document]

    def of_kind(self, kind: str) -> list[Document]:
        return [each for each in self.documents if each.kind == kind]

    def one(self, kind: str, name: str) -> Document:
        """The object of this kind and name; an empty one where there is none, so that its rules fail one by one."""
        found = [each for each in self.of_kind(kind) if each.name == name]
        return found[0] if found else Document("(missing)", {"kind": kind, "metadata": {"name": name}})

    @property
    def workloads(self) -> Iterator[Workload]:
        for document in self.documents:
            template = document.pod_template
            if template is not None:
                for container in template["spec"].get("initContainers", []) + template["spec"]["containers"]:
                    yield Workload(document, template["metadata"].get("labels", {}), template["spec"], container)

    @property
    def config(self) -> dict[str, str]:
        """The settings that all roles share."""
        return dict(self.one("ConfigMap", "stock-backtest-config").body.get("data", {}))

    def text(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8")


def read_platform(root: Path) -> Platform:
    """Every object of every manifest below `root`; ValueError names a file that is not YAML."""
    files = [file for folder in FOLDERS for file in sorted((root / folder).glob("*.yaml"))]
    files = [file for file in files if file.parent.name != "secret" or file.name == SECRET_TEMPLATE]
    return Platform(root, [document for file in files for document in _read(root, file)])


class _StrictLoader(yaml.SafeLoader):
    """YAML as the API server reads it: a key that stands twice is a fault, not the second one's victory."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(root: Path, file: Path) -> list[Document]:
    shown = str(file.relative_to(root))
    try:
        bodies = list(yaml.load_all(file.read_text(encoding="utf-8"), _StrictLoader))
    except yaml.YAMLError as error:
        raise ValueError(f"{shown}: not YAML: {error}") from error
    return [Document(shown, body) for body in bodies if body]


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """True when a label selector (matchLabels, and matchExpressions with In) picks these labels."""
    wanted = selector.get("matchLabels", {})
    listed = selector.get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        labels.get(each["key"]) in each["values"] for each in listed if each["operator"] == "In"
    )
