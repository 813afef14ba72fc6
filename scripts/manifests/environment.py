"""Do ConfigMap, Secret, containers and compose speak of settings that exist, with values that load?"""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import yaml

from adapters.settings import Settings, load_settings
from contracts.errors import InvalidSettings
from scripts.manifests.documents import Platform, Workload

_PARTS = ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "DB_TLS_CA", "REDIS_USERNAME", "REDIS_PASSWORD")
KNOWN_NAMES = frozenset([each.name.upper() for each in fields(Settings)]) | frozenset(_PARTS)
_LIBRARY_NAMES = frozenset({"OPENBLAS_NUM_THREADS"})
SECRET_NAMES = frozenset({"DATABASE_URL", "DB_PASSWORD", "REDIS_PASSWORD", "API_TOKENS", "SECRET_KEY"})
STAND_IN = "a-stand-in-for-a-secret"  # long enough for every check of a secret
SECRET_NAME = "stock-backtest-secrets"
PLACEHOLDER = "change-me"


def environment_of(workload: Workload, config: dict[str, str]) -> dict[str, str]:
    """The environment that a container of ours starts with; secrets are stand-ins."""
    from_config = config if "envFrom" in workload.container else {}
    own = {name: str(entry.get("value", STAND_IN)) for name, entry in workload.own_env.items()}
    return {**from_config, **own}


def check_names(platform: Platform) -> Iterator[str]:
    """Settings that nobody reads, and settings that would not load."""
    for name in platform.config.keys() - KNOWN_NAMES:
        yield f"k8s/configmap.yaml: {name} is not a setting of adapters/settings.py"
    for workload in platform.workloads:
        names = [entry["name"] for entry in workload.container.get("env", [])]
        for name in {name for name in names if names.count(name) > 1}:
            yield workload.fault(f"{name} stands twice among its settings")
        if not workload.is_ours:
            continue
        for name in workload.own_env.keys() - KNOWN_NAMES - _LIBRARY_NAMES:
            yield workload.fault(f"{name} is not a setting of adapters/settings.py")
        try:
            load_settings(environment_of(workload, platform.config))
        except InvalidSettings as error:
            yield workload.fault(str(error))


def check_config_values(platform: Platform) -> Iterator[str]:
    """Values of the ConfigMap that are no strings, and secrets that strayed into it or into a container."""
    for name, value in platform.config.items():
        if not isinstance(value, str):
            yield f"k8s/configmap.yaml: {name}: quote the value, since a ConfigMap holds strings"
    for name in platform.config.keys() & SECRET_NAMES:
        yield f"k8s/configmap.yaml: {name} belongs into the Secret"
    for workload in platform.workloads:
        for name, entry in workload.own_env.items():
            if "PASSWORD" in name and "value" in entry or name in SECRET_NAMES and "value" in entry:
                yield workload.fault(f"{name} is in the open: take it from the Secret")
        words = workload.container.get("command", []) + workload.container.get("args", [])
        for name in [name for name in workload.own_env if "PASSWORD" in name]:
            if any(f"$({name})" in word for word in words):
                yield workload.fault(f"{name} stands in argv, which everyone on the node can read")


def check_service_links(platform: Platform) -> Iterator[str]:
    """Settings whose names Kubernetes would use itself, were service links ever switched on."""
    services = "|".join(re.escape(each.name.upper().replace("-", "_")) for each in platform.of_kind("Service"))
    taken = re.compile(rf"^({services})_(SERVICE_(HOST|PORT)|PORT)(_|$)")
    for name in sorted(KNOWN_NAMES):
        if taken.match(name):
            yield f"adapters/settings.py: {name} is a name that Kubernetes injects for a Service"


def check_secret_keys(platform: Platform) -> Iterator[str]:
    """Keys that are asked for and not in the template, keys that nobody asks for, and filled-in templates."""
    template: dict[str, Any] = platform.one("Secret", SECRET_NAME).body.get("stringData", {})
    asked: set[str] = set()
    for place, reference in _references(platform):
        asked.add(reference["key"])
        if reference["name"] != SECRET_NAME:
            yield f"{place}: the Secret {reference['name']!r} does not exist"
        elif reference["key"] not in template and not reference.get("optional"):
            yield f"{place}: k8s/secret/secret.example.yaml has no key {reference['key']!r}"
    for key in template.keys() - asked:
        yield f"k8s/secret/secret.example.yaml: nobody asks for the key {key!r}"
    for key, value in template.items():
        if value != PLACEHOLDER:
            yield f"k8s/secret/secret.example.yaml: {key}: only the placeholder {PLACEHOLDER!r} may stand here"


def _references(platform: Platform) -> Iterator[tuple[str, dict[str, Any]]]:
    for workload in platform.workloads:
        for entry in workload.own_env.values():
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                yield workload.fault(entry["name"]), reference
    for document in platform.of_kind("TriggerAuthentication"):
        for reference in document.spec.get("secretTargetRef", []):
            yield document.fault(reference["parameter"]), reference


def check_database_names(platform: Platform) -> Iterator[str]:
    """A MySQL that creates another database or user than the roles ask for."""
    for workload in platform.workloads:
        for theirs, ours in (("MYSQL_DATABASE", "DB_NAME"), ("MYSQL_USER", "DB_USER")):
            value = workload.own_env.get(theirs, {}).get("value")
            if theirs in workload.own_env and value != platform.config.get(ours):
                yield workload.fault(f"{theirs} is {value!r}, but {ours} is {platform.config.get(ours)!r}")


def check_compose(platform: Platform) -> Iterator[str]:
    """A docker-compose.yml whose settings, images or commands differ from the cluster's."""
    services = yaml.safe_load(platform.text("docker-compose.yml"))["services"]
    theirs = {workload.document.name: workload for workload in platform.workloads}
    for name, service in services.items():
        if service["image"].startswith("stock-backtest:"):
            for unknown in service["environment"].keys() - KNOWN_NAMES:
                yield f"docker-compose.yml: {name}: {unknown} is not a setting of adapters/settings.py"
            twin = theirs.get(name)
            if twin and "command" in service and service["command"] != twin.container.get("command"):
                yield f"docker-compose.yml: {name}: its command differs from {twin.document.file}"
        elif service["image"] != (image := theirs[name].container["image"]):
            yield f"docker-compose.yml: {name}: {service['image']} here, {image} in the cluster"
