"""Are the manifests what the API server, KEDA, Argo CD and this house accept? An unknown field is a fault: a typo."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
from ruamel.yaml import YAML

from contracts.values import Json
from scripts.manifests.documents import Document, Platform
from scripts.manifests.facts import facts_of

# the oldest that the manifests are meant for, and the one they were run on
KUBERNETES_VERSIONS = ("1.32", "1.36")
_HERE = Path(__file__).parent
_CUSTOM = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in (_HERE / "crds").glob("*.json")
}
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
    rules = {
        name: at_least(rule) for name, rule in _with_facts(_HOUSE, facts_of(platform)).items()
    }
    for document in platform.documents:
        names = [document.kind, f"{document.kind}/{document.name}"]
        if document.kind not in ("Namespace", "PriorityClass", "Application"):
            names.append("Namespaced")
        for name in names:
            yield from _faults(document, document.body, rules.get(name, {}))
    for workload in platform.workloads:
        yield from _faults(workload.document, workload.pod, rules["Pod"])
        yield from _faults(workload.document, workload.container, rules["Container"])


def _with_facts(rule: Any, facts: Json) -> Any:
    """The rule with the fact itself wherever it names one."""
    if isinstance(rule, dict):
        return {key: _with_facts(each, facts) for key, each in rule.items()}
    if isinstance(rule, list):
        return [_with_facts(each, facts) for each in rule]
    return facts[rule[1:]] if isinstance(rule, str) and rule.startswith("=") else rule


def at_least(expected: Any) -> Json:
    """The JSON Schema of what holds at least `expected`; keys with a $ before them are JSON Schema already."""
    if not isinstance(expected, dict):
        return {"const": expected}
    plain = {key: at_least(value) for key, value in expected.items() if key[0] != "$"}
    raw = {key[1:]: value for key, value in expected.items() if key[0] == "$"}
    return {"required": list(plain), "properties": plain, **raw}


def _faults(document: Document, value: Any, schema: Json) -> Iterator[str]:
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        yield document.fault(f"{error.json_path}: {error.message}")


def _kubernetes_faults(document: Document) -> Iterator[str]:
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(document.body, version, strict=True)
        except (
            kubernetes_validate.ValidationError,
            kubernetes_validate.SchemaNotFoundError,
        ) as error:
            path = ".".join(str(part) for part in getattr(error, "path", ()))
            yield document.fault(f"Kubernetes {version}: {path}: {error.message}")
