"""The database and the users of k8s/mysql.yaml, made by its own script on the tests' server."""

from __future__ import annotations

import re
import subprocess

from tests.manifests.checks.documents import read_platform
from tests.manifests.pods import ROOT
from tests.services.mariadb_server import MariaDBServer


def users_script() -> str:
    """Return the script that MySQL's image runs at its first start."""
    return str(read_platform(ROOT).one("ConfigMap", "mysql-users").body["data"]["users.sh"])


def make_users(server: MariaDBServer, database: str, password: str) -> None:
    """Create an empty database and all users with this password; those of an earlier call are deleted."""
    script = users_script()
    users = re.findall(r"^ *add (\w+) ", script, re.MULTILINE)
    server.execute(
        "SET SESSION sql_log_bin = 0",
        f"DROP DATABASE IF EXISTS {database}",
        f"CREATE DATABASE {database} CHARACTER SET utf8mb4",
        *(f"DROP USER IF EXISTS '{user}'" for user in users),
    )
    passwords = {f"{user.upper()}_PASSWORD": password for user in users}
    environ = {
        **server.client_environ,
        **passwords,
        "MYSQL_DATABASE": database,
        "MYSQL_ROOT_PASSWORD": "",
    }
    made = subprocess.run(
        ["bash", "-ec", script], env=environ, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
