"""Are the manifests what the API server, KEDA, Argo CD and this house accept? An unknown field is a fault: a typo."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
from ruamel.yaml import YAML

from scripts.manifests.documents import Document, Platform

KUBERNETES_VERSIONS = ("1.32", "1.36")  # the oldest that the manifests are meant for, and the one they were run on
_HERE = Path(__file__).parent
_CUSTOM = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (_HERE / "crds").glob("*.json")}
_HOUSE = YAML(typ="safe", pure=True).load(_HERE / "house_rules.yaml")


def check_schemas(platform: Platform) -> Iterator[str]:
    """Each fault that an object has against the schema of its kind."""
    for document in platform.documents:
        if document.kind in _CUSTOM:
            yield from _faults(document, document.body, _CUSTOM[document.kind])
        else:
            yield from _kubernetes_faults(document)


def check_house_rules(platform: Platform) -> Iterator[str]:
    """Each value of an object, a pod or a container that house_rules.yaml expects otherwise."""
    for document in platform.documents:
        yield from _faults(document, document.body, at_least(_HOUSE.get(document.kind, {})))
        if document.kind not in ("Namespace", "Application"):
            yield from _faults(document, document.body, at_least(_HOUSE["Namespaced"]))
    for workload in platform.workloads:
        yield from _faults(workload.document, workload.pod, at_least(_HOUSE["Pod"]))
        yield from _faults(workload.document, workload.container, at_least(_HOUSE["Container"]))


def at_least(expected: Any) -> dict[str, Any]:
    """The JSON Schema of what holds at least `expected`; keys with a $ before them are JSON Schema already."""
    if not isinstance(expected, dict):
        return {"const": expected}
    plain = {key: at_least(value) for key, value in expected.items() if key[0] != "$"}
    raw = {key[1:]: value for key, value in expected.items() if key[0] == "$"}
    return {"required": list(plain), "properties": plain, **raw}


def _faults(document: Document, value: Any, schema: dict[str, Any]) -> Iterator[str]:
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        yield document.fault(f"{error.json_path}: {error.message}")


def _kubernetes_faults(document: Document) -> Iterator[str]:
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(document.body, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            path = ".".join(str(part) for part in getattr(error, "path", ()))
            yield document.fault(f"Kubernetes {version}: {path}: {error.message}")
