"""Are the manifests what the API server, KEDA, Argo CD and this house accept? An unknown field is a fault: a typo."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
from ruamel.yaml import YAML

from adapters.settings import Settings
from contracts.values import Json
from tests.manifests.checks.documents import Document, Platform
from tests.manifests.checks.environment import KNOWN_NAMES, asked_keys

# the oldest that the manifests are meant for, and the one they were run on
KUBERNETES_VERSIONS = ("1.32", "1.36")
LIBRARY_NAMES = {"OPENBLAS_NUM_THREADS"}
SCHEDULING_S = 900  # how long a Job may wait for a node before it is given up
# consumer.job.child.PATIENCE_S: how long a terminated Job tries to hand its run back
HAND_BACK_S = 20
_HERE = Path(__file__).parent
_CUSTOM = {
    file.stem: json.loads(file.read_text("utf-8")) for file in (_HERE / "crds").glob("*.json")
}
_HOUSE = (_HERE / "house_rules.yaml").read_text("utf-8")


def check_schemas(platform: Platform) -> Iterator[str]:
    """Each fault that an object has against the schema of its kind."""
    for document in platform.documents:
        if document.kind in _CUSTOM:
            yield from _faults(document, document.body, _CUSTOM[document.kind])
        else:
            yield from _kubernetes_faults(document)


def check_house_rules(platform: Platform) -> Iterator[str]:
    """Each value of an object, a pod or a container that house_rules.yaml expects otherwise."""
    facts = facts_of(platform)  # as JSON, which is YAML, in place of their names
    house_rules = re.sub(r" =(\w+)", lambda name: f" {json.dumps(facts[name[1]])}", _HOUSE)
    house = YAML(typ="safe", pure=True).load(house_rules)
    rules = {name: at_least(rule) for name, rule in house.items()}
    for document in platform.documents:
        names = [document.kind, f"{document.kind}/{document.name}"]
        if document.kind not in ("Namespace", "PriorityClass", "Application"):
            names.append("Namespaced")
        for name in names:
            yield from _faults(document, document.body, rules.get(name, {}))
    for workload in platform.workloads:
        yield from _faults(workload, workload.pod, rules["Pod"])
        yield from _faults(workload, workload.container, rules["Container"])


def facts_of(platform: Platform) -> Json:
    """Return the values that the rules expect in one file since another file, or the code, has them, by name."""
    settings = platform.settings
    queues = Settings(queue_name=settings["QUEUE_NAME"]).queue_names
    lists = [f"rq:queue:{name}" for name in queues]
    grace_s = platform.workload("backtest").pod["terminationGracePeriodSeconds"]
    return {
        "priorities": platform.names("PriorityClass"),
        "accounts": platform.names("ServiceAccount"),
        "claims": platform.names("PersistentVolumeClaim"),
        "services": [
            {"name": service.name, "port": {"name": port["name"]}}
            for service in platform.of_kind("Service")
            for port in service.spec["ports"]
        ],
        "routes": sorted(platform.routes),
        "settings": sorted(KNOWN_NAMES),
        "own_settings": sorted(KNOWN_NAMES | LIBRARY_NAMES),
        "database": settings["DB_NAME"],
        "secret_keys": list(platform.one("Secret", "stock-backtest-secrets").body["stringData"]),
        "asked_keys": sorted(asked_keys(platform)),
        "triggers": [_trigger(platform, name) for name in lists],
        "rights_of_keda": f"(?m)^user keda [^~]*{' '.join(f'~{name}' for name in lists)} resetchannels",
        "deadline_s": int(settings["RUN_TIMEOUT_S"]) + SCHEDULING_S + int(grace_s),
        "hand_back_s": HAND_BACK_S,
    }


def _trigger(platform: Platform, list_name: str) -> Json:
    """Return the trigger by which KEDA starts a Job for each message of a list, read as KEDA's user."""
    url = urlsplit(platform.settings["REDIS_URL"])
    metadata = {
        "listName": list_name,
        "listLength": "1",
        "address": f"{url.hostname}.stock-backtest.svc.cluster.local:{url.port}",
        "databaseIndex": url.path.strip("/") or "0",
        "username": "keda",
    }
    [login] = platform.names("TriggerAuthentication")
    return {"type": "redis", "metadata": metadata, "authenticationRef": {"name": login}}


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
            path = ".".join(map(str, getattr(error, "path", ())))
            yield document.fault(f"Kubernetes {version}: {path}: {error.message}")
