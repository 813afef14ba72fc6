"""Secrets that are planted in every setting and request turn up in no log and in no answer, whatever goes wrong."""

import json
import sys
from collections.abc import Mapping
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.services.ports import free_port
from tests.services.processes import Program, Programs
from tests.services.waiting import wait_until
from tests.services.web_app import run_values

SECRETS = (
    "database-Zq7 /@:x",
    "redis-Wm4-planted",
    "signing-key-Kx9",
    "token-Pv3-of-16-or-more",
    "guess-Bn5-planted",
)
DATABASE, REDIS, SIGNING_KEY, TOKEN, GUESS = SECRETS


@pytest.fixture
def platform_settings() -> dict[str, str]:
    """A platform whose database and Redis are away, which logs as much as it can."""
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(free_port()),
        "DB_NAME": "backtests",
        "DB_USER": "backtest",
        "DB_PASSWORD": DATABASE,
        "REDIS_URL": f"redis://:{REDIS}@127.0.0.1:{free_port()}/0",
        "SECRET_KEY": SIGNING_KEY,
        "API_TOKENS": TOKEN,
        "LOG_LEVEL": "DEBUG",
        "RECONCILE_S": "0.2",
    }


def fetch(url: str, body: bytes | None, headers: Mapping[str, str]) -> str:
    try:
        with urlopen(Request(url, body, dict(headers)), timeout=30) as answer:
            return str(answer.read())
    except HTTPError as error:
        return f"{error.read()!r} {error.headers}"


def started_web(programs: Programs, port: int, **settings: str) -> Program:
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "web:create_app()",
        "--config",
        "web/gunicorn.conf.py",
    ]
    web = programs.run(command, PORT=str(port), **settings)
    web.wait_for_line("Booting worker")
    wait_until(lambda: "ok" in fetch(f"http://127.0.0.1:{port}/health", None, {}), 20)
    return web


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_is_logged_or_answered(programs: Programs, log_format: str) -> None:
    port, bearer = free_port(), {"Authorization": f"Bearer {TOKEN}"}
    web = started_web(programs, port, LOG_FORMAT=log_format)
    modules = ("consumer", "consumer.reconciler", "consumer.local_scaler")
    workers = [programs.start(module, LOG_FORMAT=log_format) for module in modules]
    url = f"http://127.0.0.1:{port}"
    body = json.dumps(run_values()).encode()
    answers = [fetch(f"{url}/run_backtest", body, {"Content-Type": "application/json"} | bearer)]
    answers += [
        fetch(url + path, None, bearer)
        for path in ("/runs", "/api/runs", "/ready", "/metrics", "/queue")
    ]
    answers += [
        fetch(f"{url}/login", urlencode({"token": each}).encode(), {}) for each in (TOKEN, GUESS)
    ]
    web.wait_for_line("internal_error")
    workers[0].wait_for_line("unreachable")
    workers[1].wait_for_line("pass_failed")
    workers[2].wait_for_line("redis_unreachable")

    output = "".join([*answers, *(program.log for program in (web, *workers))])

    assert "Traceback" in output  # a fault was logged with its trace
    assert [
        secret for secret in SECRETS if secret in output or secret.partition(" ")[0] in output
    ] == []
