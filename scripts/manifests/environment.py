"""Do ConfigMap, Secret, containers and compose speak of settings that exist, with values that load?"""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import yaml

from adapters.grants import ROLES
from adapters.settings import Settings, load_settings
from contracts.errors import InvalidSettings
from scripts.manifests.documents import Platform, Workload

_PARTS = ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "DB_TLS_CA", "REDIS_USERNAME", "REDIS_PASSWORD")
KNOWN_NAMES = frozenset([each.name.upper() for each in fields(Settings)]) | frozenset(_PARTS)
DEFAULTS = {each.name.upper(): str(each.default) for each in fields(Settings)}
_LIBRARY_NAMES = frozenset({"OPENBLAS_NUM_THREADS"})
STAND_IN = "a-stand-in-for-a-secret"  # long enough for every check of a secret
SECRET_NAME = "stock-backtest-secrets"
PLACEHOLDER = "change-me"
_MADE = re.compile(r'^ *add (\w+) "\$(\w+)"$', re.MULTILINE)


def environment_of(workload: Workload, config: dict[str, str]) -> dict[str, str]:
    """The environment that a container of ours starts with; secrets are stand-ins."""
    from_config = config if "envFrom" in workload.container else {}
    own = {name: str(entry.get("value", STAND_IN)) for name, entry in workload.own_env.items()}
    return {**from_config, **own}


def check_settings(platform: Platform) -> Iterator[str]:
    """Settings that nobody reads, and settings that would not load."""
    for name in platform.config.keys() - KNOWN_NAMES:
        yield f"k8s/configmap.yaml: {name} is not a setting of adapters/settings.py"
    for name in [name for name, value in platform.config.items() if DEFAULTS.get(name) in (value, f"{value}.0")]:
        yield f"k8s/configmap.yaml: {name} repeats the default of adapters/settings.py"
    for workload in platform.workloads:
        if len(workload.own_env) < len(workload.container.get("env", [])):
            yield workload.fault("a setting appears twice")
        if not workload.is_ours:
            continue
        for name in workload.own_env.keys() - KNOWN_NAMES - _LIBRARY_NAMES:
            yield workload.fault(f"{name} is not a setting of adapters/settings.py")
        try:
            load_settings(environment_of(workload, platform.config))
        except InvalidSettings as error:
            yield workload.fault(str(error))


def check_secret_keys(platform: Platform) -> Iterator[str]:
    """Keys that are asked for and not in the template, keys that nobody asks for, and filled-in templates."""
    template: dict[str, Any] = platform.one("Secret", SECRET_NAME).body["stringData"]
    references = list(_references(platform))
    for place, reference in references:
        if reference["name"] != SECRET_NAME:
            yield f"{place}: the Secret {reference['name']!r} does not exist"
        elif reference["key"] not in template and not reference.get("optional"):
            yield f"{place}: k8s/secret/secret.example.yaml has no key {reference['key']!r}"
    for key in template.keys() - {reference["key"] for _, reference in references}:
        yield f"k8s/secret/secret.example.yaml: nobody asks for the key {key!r}"
    for key in [key for key, value in template.items() if value != PLACEHOLDER]:
        yield f"k8s/secret/secret.example.yaml: {key}: only the placeholder {PLACEHOLDER!r} may be here"


def _references(platform: Platform) -> Iterator[tuple[str, dict[str, Any]]]:
    for workload in platform.workloads:
        for entry in workload.own_env.values():
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                yield workload.fault(entry["name"]), reference
    for document in platform.of_kind("TriggerAuthentication"):
        for reference in document.spec["secretTargetRef"]:
            yield document.fault(reference["parameter"]), reference


def check_database_names(platform: Platform) -> Iterator[str]:
    """A MySQL that creates another database than the roles ask for."""
    mysql = platform.workload("mysql")
    theirs, ours = mysql.own_env["MYSQL_DATABASE"]["value"], platform.config["DB_NAME"]
    if theirs != ours:
        yield mysql.fault(f"MYSQL_DATABASE is {theirs!r}, DB_NAME is {ours!r}")


def check_database_users(platform: Platform) -> Iterator[str]:
    """A role whose MySQL user nobody makes, or makes with another password; rights for users that there are not."""
    script = platform.one("ConfigMap", "mysql-users").body["data"]["users.sh"]
    made = {user: _key(platform.workload("mysql"), name) for user, name in _MADE.findall(script)}
    for workload in platform.workloads:
        user = workload.own_env.get("DB_USER", {}).get("value")
        if user and made.get(user) != _key(workload, "DB_PASSWORD"):
            yield workload.fault(f"users.sh does not make {user!r} with the password of DB_PASSWORD")
    for user in ROLES - made.keys():
        yield f"k8s/mysql.yaml: users.sh does not make {user!r}, to whom adapters/grants.py gives rights"


def _key(workload: Workload, name: str) -> str:
    """The Secret's key that a setting is from."""
    return str(workload.own_env[name]["valueFrom"]["secretKeyRef"]["key"])


def check_compose(platform: Platform) -> Iterator[str]:
    """A docker-compose.yml whose settings, images or commands differ from the cluster's."""
    compose = yaml.safe_load(platform.text("docker-compose.yml"))
    services, users = compose["services"], platform.one("ConfigMap", "mysql-users").body["data"]["users.sh"]
    if compose["configs"]["mysql-users"]["content"].replace("$$", "$") != users:
        yield "docker-compose.yml: mysql-users: another script than that of k8s/mysql.yaml"
    theirs = {workload.document.name: workload.container for workload in platform.workloads}
    for name, service in services.items():
        if not service["image"].startswith("stock-backtest:"):
            if service["image"] != theirs[name]["image"]:
                yield f"docker-compose.yml: {name}: {service['image']} here, {theirs[name]['image']} in the cluster"
            continue
        for unknown in service["environment"].keys() - KNOWN_NAMES:
            yield f"docker-compose.yml: {name}: {unknown} is not a setting of adapters/settings.py"
        if "command" in service and name in theirs and service["command"] != theirs[name]["command"]:
            yield f"docker-compose.yml: {name}: its command differs from the cluster's"
