"""Every route by client: each scope, anonymous clients here and elsewhere, OPEN_READS and OPEN_ACCESS on and off."""

import re
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import delete
from werkzeug.routing import Rule

from adapters.access import SCOPES
from adapters.access_tables import tokens
from adapters.database import connect_database
from tests.services.web_app import web_app
from tests.web.conftest import TokenMaker

ANYBODY = {"GET /health", "GET /ready", "GET /metrics", "GET /login", "POST /logout"} | {
    "GET /.well-known/backtests-key"  # a public key
}
ANYBODY |= {"GET /static/<asset_version>/<path:filename>"}
ADMINS = {
    "PUT /api/prices/<ticker>/<timeframe>",
    "DELETE /api/prices/<ticker>/<timeframe>",
    "DELETE /api/prices/<ticker>/<timeframe>/<data_hash>",
}
ADMINS |= {"PUT /api/vaults/<ticker>", "DELETE /api/vaults/<ticker>"}
ADMINS |= {"POST /api/runs/<uuid:run_id>/vault"}
ADMINS |= {"GET /audit", "GET /api/audit", "GET /api/audit.csv"}
READING = {"POST /api/rules/check"}
SUBMITTERS = {"GET /usage", "GET /api/usage"}
LEFT_OUT = {"POST /login"}  # it refuses a wrong token itself
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def needed(route: str) -> str | None:
    """The scope that a route requires."""
    if route in ANYBODY | ADMINS:
        return "admin" if route in ADMINS else None
    is_reading = route.startswith("GET ") or route in READING
    return "read" if is_reading and route not in SUBMITTERS else "submit"


def may(
    scope: str | None, client_kind: str, has_tokens: bool, open_reads: bool, open_access: bool
) -> bool:
    """The rules of docs/api.md: tokens decide once there are any, before that the origin of the request."""
    if scope is None:
        return True
    if not has_tokens:
        return open_access or client_kind == HERE
    if scope == "read" and open_reads:
        return True
    return client_kind in SCOPES and SCOPES.index(client_kind) >= SCOPES.index(scope)


def routes(app: Flask) -> list[tuple[str, Rule]]:
    """Every route with each of its methods."""
    listed = (
        (f"{each} {rule}", rule)
        for rule in app.url_map.iter_rules()
        for each in rule.methods or ()
    )
    return [(route, rule) for route, rule in listed if not route.startswith(("HEAD", "OPTIONS"))]


@pytest.mark.parametrize("has_tokens", [False, True])
def test_every_route_answers_those_whom_the_settings_let_in(
    platform_settings: dict[str, str], made: TokenMaker, has_tokens: bool
) -> None:
    headers_of = {scope: made(scope) for scope in SCOPES} | {HERE: {}, ELSEWHERE: {}}
    if not has_tokens:
        with connect_database(platform_settings["DATABASE_URL"]).begin() as connection:
            connection.execute(delete(tokens))
    wrong, asked_for = [], 0
    for open_reads, open_access in product((False, True), repeat=2):
        opened = {"OPEN_READS": str(open_reads).lower(), "OPEN_ACCESS": str(open_access).lower()}
        with web_app(platform_settings | opened) as app:
            client = app.test_client()
            app.testing = False
            for (route, rule), client_kind in product(routes(app), headers_of):
                if route in LEFT_OUT or (client_kind in SCOPES and not has_tokens):
                    continue
                path = re.sub(
                    r"<uuid:\w+>", UNKNOWN, re.sub(r"<int:\w+>|<(?:path:)?\w+>", "1", str(rule))
                )
                at = {"REMOTE_ADDR": client_kind if client_kind == HERE else ELSEWHERE}
                sent = {"headers": headers_of[client_kind], "environ_base": at, "json": {}}
                code = client.open(
                    path, method=route.split()[0], buffered=True, **sent
                ).status_code
                asked_for += 1
                if (code not in (401, 403)) != may(
                    needed(route), client_kind, has_tokens, open_reads, open_access
                ):
                    wrong.append(f"{code} {route} for {client_kind} with {opened}")

    assert not wrong, "\n".join(wrong)
    assert asked_for > 500
