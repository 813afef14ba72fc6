"""Settings in ConfigMap, Secret, containers and compose: each exists, and its value loads."""

import re
from collections.abc import Iterator
from itertools import chain

import yaml

from adapters.grants import rights_on
from adapters.settings import load_settings
from adapters.tables import runs
from contracts.errors import InvalidSettings
from tests.manifests.checks.documents import DEFAULTS, Platform, Workload

_PARTS = {
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_TLS_CA",
    "REDIS_USERNAME",
    "REDIS_PASSWORD",
}
KNOWN_NAMES = DEFAULTS.keys() | _PARTS
STAND_IN = "a-stand-in-for-a-secret"  # long enough for every check of a secret


def environment_of(workload: Workload, config: dict[str, str]) -> dict[str, str]:
    """The environment that a container of ours starts with; secrets are stand-ins."""
    from_config = config if "envFrom" in workload.container else {}
    values = {name: str(entry.get("value", STAND_IN)) for name, entry in workload.own_env.items()}
    return {**from_config, **values}


def check_settings(platform: Platform) -> Iterator[str]:
    """Settings that appear twice, repeat a default, or would not load."""
    for name, value in platform.config.items():
        if DEFAULTS.get(name) in (value, f"{value}.0"):
            yield f"k8s/configmap.yaml: {name} repeats the default of adapters/settings.py"
    for workload in platform.workloads:
        if len(workload.own_env) < len(workload.container.get("env", [])):
            yield workload.fault("a setting appears twice")
    for workload in platform.ours:
        try:
            load_settings(environment_of(workload, platform.config))
        except InvalidSettings as error:
            yield workload.fault(str(error))


def asked_keys(platform: Platform) -> set[str]:
    """The keys of the Secret that somebody asks for."""
    entries = [entry for workload in platform.workloads for entry in workload.own_env.values()]
    references = [entry["valueFrom"]["secretKeyRef"] for entry in entries if "valueFrom" in entry]
    logins = [each.spec["secretTargetRef"] for each in platform.of_kind("TriggerAuthentication")]
    return {reference["key"] for reference in chain(references, *logins)}


def check_database_users(platform: Platform) -> Iterator[str]:
    """A role whose MySQL user nobody makes, or makes with another password; rights for users that there are not."""
    script = platform.one("ConfigMap", "mysql-users").body["data"]["users.sh"]
    added = re.findall(r'(?m)^ *add (\w+) "\$(\w+)"$', script)
    made = {user: _key(platform.workload("mysql"), name) for user, name in added}
    for workload in platform.workloads:
        user = workload.own_env.get("DB_USER", {}).get("value")
        if user and made.get(user) != _key(workload, "DB_PASSWORD"):
            yield workload.fault(
                f"users.sh does not make {user!r} with the password of DB_PASSWORD"
            )
    for user in rights_on(runs).keys() - made.keys():
        yield f"k8s/mysql.yaml: users.sh does not make {user!r}, to whom adapters/grants.py gives rights"


def _key(workload: Workload, name: str) -> str:
    """The Secret's key that a setting is from."""
    return str(workload.own_env[name]["valueFrom"]["secretKeyRef"]["key"])


def check_compose(platform: Platform) -> Iterator[str]:
    """A docker-compose.yml whose settings, images or commands differ from the cluster's."""
    compose = yaml.safe_load(platform.text("docker-compose.yml"))
    users = platform.one("ConfigMap", "mysql-users").body["data"]["users.sh"]
    if compose["configs"]["mysql-users"]["content"].replace("$$", "$") != users:
        yield "docker-compose.yml: mysql-users: another script than that of k8s/mysql.yaml"
    theirs = {workload.name: workload.container for workload in platform.workloads}
    for name, service in compose["services"].items():
        at, same = f"docker-compose.yml: {name}", theirs.get(name, service)
        if not service["image"].startswith("stock-backtest:"):
            if service["image"] != same["image"]:
                yield f"{at}: {service['image']} here, {same['image']} in the cluster"
            continue
        for unknown in service["environment"].keys() - KNOWN_NAMES:
            yield f"{at}: {unknown} is not a setting of adapters/settings.py"
        if service.get("command", same.get("command")) != same.get("command"):
            yield f"{at}: its command differs from the cluster's"
