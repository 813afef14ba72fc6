"""Tokens by scope, from the command that makes them to the session that ends with them; and those who need none."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from adapters import access_tables as tables
from adapters.database import connect_database, database_now
from adapters.tables import runs
from tests.services.web_app import run_values, sweep_values, web_app
from tests.web.conftest import ON_BOTH_DATABASES, TokenMaker

pytestmark = ON_BOTH_DATABASES

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def statuses(client: FlaskClient, headers: dict[str, str]) -> list[int]:
    """Status codes of a read, a submission and a load of prices."""
    look = client.get("/api/runs", headers=headers)
    submission = client.post("/run_backtest", json=run_values(), headers=headers)
    prices = client.put("/api/prices/NEW/1d?dry_run=true", data=b"", headers=headers)
    return [look.status_code, submission.status_code, prices.status_code]


def test_each_scope_may_what_those_below_it_may(anybody: FlaskClient, made: TokenMaker) -> None:
    assert {scope: statuses(anybody, made(scope)) for scope in ("read", "submit", "admin")} == {
        "read": [200, 403, 403],
        "submit": [200, 202, 403],
        "admin": [200, 202, 400],
    }
    assert statuses(anybody, {}) == [401, 401, 401]


def test_probes_and_the_login_need_no_token(anybody: FlaskClient) -> None:
    paths = ("/health", "/ready", "/metrics", "/login", "/static/any/icon.svg")

    for path in paths:
        with anybody.get(path) as answer:
            assert answer.status_code == 200, path


def test_a_token_is_nowhere_but_with_its_holder(made: TokenMaker, database_url: str) -> None:
    token = made("admin")["Authorization"].split()[1]

    with connect_database(database_url).connect() as connection:
        kept = [
            str(row)
            for table in (tables.tokens, tables.audit)
            for row in connection.execute(select(table))
        ]

    assert kept and token not in "".join(kept)


def test_a_revoked_or_expired_token_ends_its_sessions(
    app: Flask, made: TokenMaker, run_command: Callable[..., tuple[int, str]], database_url: str
) -> None:
    browsers = {name: app.test_client() for name in ("revoked", "expired", "valid")}
    for name, browser in browsers.items():
        token = made("submit", name, "--days", "1")["Authorization"].split()[1]
        assert browser.post("/login", data={"token": token}).status_code == 302
    assert {browser.get("/runs").status_code for browser in browsers.values()} == {200}

    assert run_command("revoke", "revoked") == (
        0,
        "revoked is revoked, and its sessions have ended",
    )
    with connect_database(database_url).begin() as connection:
        is_expired = tables.tokens.c.name == "expired"
        connection.execute(
            update(tables.tokens).where(is_expired).values(expires_at=database_now(-1))
        )

    assert {name: browser.get("/runs").status_code for name, browser in browsers.items()} == {
        "revoked": 401,
        "expired": 401,
        "valid": 200,
    }


def test_a_log_out_ends_the_session_for_whoever_has_its_cookie(
    app: Flask, made: TokenMaker
) -> None:
    token = made("submit")["Authorization"].split()[1]
    browser, other, thief = (app.test_client() for _ in range(3))
    for each in (browser, other):
        each.post("/login", data={"token": token})
    thief.set_cookie("session", browser.get_cookie("session").value)
    assert thief.get("/runs").status_code == 200

    assert browser.post("/logout").status_code == 302
    assert [each.get("/runs").status_code for each in (browser, thief, other)] == [401, 401, 200]
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        thief.set_cookie("session", other.get_cookie("session").value)
        assert thief.post("/logout", headers=headers).status_code == 302
    assert other.get("/runs").status_code == 401


def test_ended_sessions_are_forgotten_when_their_cookies_are_too_old(
    app: Flask, made: TokenMaker, database_url: str
) -> None:
    token = made("submit")["Authorization"].split()[1]
    ended = tables.ended_sessions
    for age_days in (33, 30, 0):
        browser = app.test_client()
        browser.post("/login", data={"token": token})
        browser.post("/logout")
        with connect_database(database_url).begin() as connection:
            kept = connection.execute(select(ended.c.session_id)).all()
            connection.execute(update(ended).values(at=database_now(-age_days * 86_400)))

    assert len(kept) == 2


def test_a_session_outlives_the_change_of_its_key(
    made: TokenMaker, platform_settings: dict[str, str], database_url: str
) -> None:
    token, cookie = made("submit")["Authorization"].split()[1], None
    for keys in ("old", "old,new", "new,old", "new"):  # a restart of all web processes with each
        with web_app(platform_settings | {"SECRET_KEY": keys}) as app:
            browser = app.test_client()
            if cookie is None:
                browser.post("/login", data={"token": token})
            else:
                browser.set_cookie("session", cookie)
            assert browser.get("/runs").status_code == 200, keys
            cookie = browser.get_cookie("session").value

    with web_app(platform_settings | {"SECRET_KEY": "another"}) as app:
        browser = app.test_client()
        browser.set_cookie("session", cookie)
        assert browser.get("/runs").status_code == 401


def test_the_command_says_what_it_refuses(
    made: TokenMaker, run_command: Callable[..., tuple[int, str]]
) -> None:
    made("submit", "nightly")

    assert run_command("make", "nightly") == (
        2,
        "the token name 'nightly' has been used before; choose another",
    )
    assert run_command("make", "a:b")[0] == run_command("make", "x", "--days", "0")[0] == 2
    assert run_command("revoke", "nobody") == (
        2,
        "no valid token is called 'nobody'",
    )
    assert run_command("list")[1].startswith("nightly: submit, made ")


def test_others_runs_and_batches_are_ended_by_admins_only(
    anybody: FlaskClient, made: TokenMaker
) -> None:
    mine, other, admin = made("submit", "mine"), made("submit", "other"), made("admin")
    runs = [
        anybody.post("/run_backtest", json=run_values(fee_rate=fee), headers=mine).json
        for fee in (0.01, 0.02)
    ]
    batch = anybody.post("/api/runs/bulk", json=sweep_values(2), headers=mine).json["batch_id"]

    ends = [
        *(f"/api/runs/{run['run_id']}/cancel" for run in runs),
        f"/api/batches/{batch}/cancel",
    ]
    assert [anybody.post(path, headers=other).status_code for path in ends] == [403] * 3
    assert anybody.post(ends[0], headers=mine).status_code == 200
    assert [anybody.post(path, headers=admin).status_code for path in ends[1:]] == [200, 200]
    assert anybody.post(f"/api/batches/{batch}/retry", headers=other).status_code == 403


def test_before_there_is_a_token_only_this_machine_is_answered(
    app: Flask, made: TokenMaker
) -> None:
    client = app.test_client()

    refused = client.get("/api/runs", environ_base=ELSEWHERE)
    assert (refused.status_code, "adapters.tokens make NAME" in refused.json["error"]) == (
        403,
        True,
    )
    assert client.get("/health", environ_base=ELSEWHERE).status_code == 200
    here = [
        client.get("/api/runs", environ_base={"REMOTE_ADDR": each})
        for each in ("127.0.0.1", "127.0.0.9", "::1")
    ]
    assert {answer.status_code for answer in here} == {200}


def test_who_passes_itself_off_as_this_machine_is_not_answered(app: Flask) -> None:
    # what a proxy that believes its client makes of it
    forged = {"REMOTE_ADDR": "127.0.0.1", "web.peer": "192.0.2.7"}

    assert app.test_client().get("/api/runs", environ_base=forged).status_code == 403


@pytest.mark.parametrize(
    ("settings", "answers"),
    [({"OPEN_ACCESS": "true"}, [200, 202]), ({"API_TOKENS": "x" * 16}, [401, 401])],
)
def test_open_access_is_for_as_long_as_there_is_no_token(
    platform_settings: dict[str, str], settings: dict[str, str], answers: list[int]
) -> None:
    with web_app(platform_settings | {"OPEN_ACCESS": "true"} | settings) as app:
        client = app.test_client()
        look = client.get("/api/runs", environ_base=ELSEWHERE)
        submission = client.post("/run_backtest", json=run_values(), environ_base=ELSEWHERE)

    assert [look.status_code, submission.status_code] == answers


def test_an_ended_session_of_a_token_in_the_settings_stays_ended(
    platform_settings: dict[str, str],
) -> None:
    with web_app(platform_settings | {"API_TOKENS": "x" * 16}) as app:
        browser = app.test_client()
        browser.post("/login", data={"token": "x" * 16})
        cookie = browser.get_cookie("session").value
        browser.post("/logout")
        browser.set_cookie("session", cookie)

        assert browser.get("/runs").status_code == 401


def test_open_reads_leave_changes_closed(
    platform_settings: dict[str, str], made: TokenMaker
) -> None:
    made("read")
    with web_app(platform_settings | {"OPEN_READS": "true"}) as app:
        client = app.test_client()
        open_paths = [client.get(path).status_code for path in ("/", "/api/runs")]

        assert (open_paths, client.get("/api/audit").status_code) == ([200, 200], 401)
        assert client.post("/run_backtest", json=run_values()).status_code == 401


def test_a_digest_in_the_settings_is_a_token_with_a_name(
    platform_settings: dict[str, str],
) -> None:
    # of the text: test
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    with web_app(platform_settings | {"API_TOKENS": f"admin:sha256:{digest}"}) as app:
        client = app.test_client()
        headers = {text: {"Authorization": f"Bearer {text}"} for text in ("test", digest)}
        answers = {text: client.get("/api/audit", headers=headers[text]) for text in headers}

    assert {text: answer.status_code for text, answer in answers.items()} == {
        "test": 200,
        digest: 401,
    }
    assert answers["test"].json["audit"] == []


@pytest.mark.parametrize(
    ("peer", "user", "code"),
    [
        ("192.0.2.7", "ann@lab", 202),
        ("192.0.2.8", "ann@lab", 401),
        ("192.0.2.7", "", 401),
        ("192.0.2.7", "a b", 401),
    ],
)
def test_a_user_is_who_the_trusted_proxy_says(
    platform_settings: dict[str, str], peer: str, user: str, code: int
) -> None:
    names = {"AUTH_PROXY_HEADER": "X-Forwarded-User", "TRUSTED_PROXY": "192.0.2.7"}
    with web_app(platform_settings | names) as app:
        at = {"REMOTE_ADDR": "127.0.0.1", "web.peer": peer}
        client = app.test_client()
        answer = client.post(
            "/run_backtest",
            json=run_values(),
            environ_base=at,
            headers={"X-Forwarded-User": user},
        )
        load = client.put(
            "/api/prices/NEW/1d", data=b"", environ_base=at, headers={"X-Forwarded-User": user}
        )

    assert (answer.status_code, load.status_code) == (code, 403 if code == 202 else 401)
    with connect_database(platform_settings["DATABASE_URL"]).connect() as connection:
        submitters = connection.execute(select(runs.c.submitted_by)).scalars().all()
    assert submitters == (["proxy:ann@lab"] if code == 202 else [])
