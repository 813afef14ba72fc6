"""Permission to change something: tokens, cross-site requests, and the headers of every answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.services.web_app import run_values, web_app

TOKEN, OTHER = "a-token-of-16-or-more", "another-token-for-bots"


@pytest.fixture
def guarded(platform_settings: dict[str, str]) -> Iterator[FlaskClient]:
    """A client of a platform that knows two tokens."""
    with web_app(platform_settings | {"API_TOKENS": f"{TOKEN},{OTHER}"}) as app:
        yield app.test_client()


@pytest.mark.parametrize("token", [TOKEN, OTHER])
def test_a_known_token_may_submit(guarded: FlaskClient, token: str) -> None:
    answer = guarded.post(
        "/run_backtest", json=run_values(), headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer é",
    ],
)
@pytest.mark.parametrize(
    "path", ["/run_backtest", "/api/runs/bulk", "/api/batches/b/cancel", "/api/batches/b/retry"]
)
def test_without_a_known_token_nothing_may_be_changed(
    guarded: FlaskClient, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = guarded.post(path, json=run_values(), headers=headers)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text


def test_checking_a_rule_is_reading_but_for_other_sites(
    guarded: FlaskClient, client: FlaskClient
) -> None:
    formula = {"rule_type": "FORMULA", "params": {"buy": "close > 1", "sell": "close < 1"}}

    assert guarded.post("/api/rules/check", json=formula).status_code == 401
    assert client.post("/api/rules/check", json=formula).get_json()["valid"]
    assert (
        client.post(
            "/api/rules/check", json=formula, headers={"Sec-Fetch-Site": "cross-site"}
        ).status_code
        == 403
    )


def test_reading_needs_a_token_too(guarded: FlaskClient) -> None:
    assert {
        guarded.get(path).status_code for path in ("/", "/api/rules", "/api/tickers", "/nowhere")
    } == {401}


def test_a_browser_that_has_shown_its_token_may_submit(guarded: FlaskClient) -> None:
    assert guarded.post("/login", data={"token": "wrong"}).status_code == 401
    assert guarded.post("/run_backtest", json=run_values()).status_code == 401

    assert guarded.post("/login", data={"token": TOKEN}).status_code == 302
    assert guarded.post("/run_backtest", json=run_values()).status_code == 202


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_may_change_nothing(client: FlaskClient, site: str) -> None:
    answer = client.post("/run_backtest", json=run_values(), headers={"Sec-Fetch-Site": site})

    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_may(client: FlaskClient, site: str) -> None:
    assert (
        client.post(
            "/run_backtest", json=run_values(), headers={"Sec-Fetch-Site": site}
        ).status_code
        == 202
    )


@pytest.mark.parametrize("path", ["/", "/health", "/api/rules", "/nowhere", "/api/nowhere"])
def test_every_answer_is_hardened(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    answer = client.get("/run_backtest")

    assert (answer.status_code, answer.json is not None) == (405, True)
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/", "/api/runs", "/api/rules", "/result/none", "/queue", "/docs"]
)
def test_nothing_that_needed_a_token_is_kept_by_the_browser(
    guarded: FlaskClient, client: FlaskClient, path: str
) -> None:
    answer = guarded.get(
        path, headers={"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"}
    )

    cache_control = answer.headers["Cache-Control"]
    assert (
        cache_control == "no-store"
        if answer.mimetype == "text/html"
        else cache_control in ("no-store", "no-cache")
    )
    assert (
        client.get(path, headers={"Accept": "text/html"}).headers.get("Cache-Control")
        != "no-store"
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://localhost",
        "http://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://localhost:81",
    ],
)
def test_a_foreign_origin_may_change_nothing_whatever_else_it_sends(
    client: FlaskClient, origin: str
) -> None:
    sent = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}

    assert client.post("/run_backtest", json=run_values(), headers=sent).status_code == 403


def test_our_own_origin_may(client: FlaskClient) -> None:
    assert (
        client.post(
            "/run_backtest", json=run_values(), headers={"Origin": "http://localhost"}
        ).status_code
        == 202
    )


def test_an_origin_is_compared_with_its_scheme(client: FlaskClient) -> None:
    def post_from(base_url: str, origin: str) -> Any:
        return client.post(
            "/run_backtest", json=run_values(), base_url=base_url, headers={"Origin": origin}
        )

    over_tls = [
        post_from("https://localhost", origin).status_code
        for origin in ("https://localhost", "http://localhost")
    ]
    assert over_tls == [202, 403]
    assert (
        "set TRUSTED_PROXY to its address"
        in post_from("http://localhost", "https://localhost").json["error"]
    )


def test_a_name_that_is_not_ours_is_refused_but_for_probes(
    platform_settings: dict[str, str],
) -> None:
    with web_app(platform_settings | {"TRUSTED_HOSTS": "runs.example, .lab.example"}) as app:
        client = app.test_client()
        statuses = {host: client.get("/", headers={"Host": host}).status_code for host in (
            "localhost:5000", "127.0.0.1", "[::1]:5000", "runs.example", "a.lab.example:80", "evil.example", "",
            "runs.example.evil", "127.0.0.1.evil")}  # fmt: skip
        probes = {
            client.get(path, headers={"Host": "10.1.2.3:5000"}).status_code
            for path in ("/health", "/metrics")
        }

    assert statuses == dict.fromkeys(list(statuses)[:5], 200) | dict.fromkeys(
        list(statuses)[5:], 400
    )
    assert probes == {200}


def test_over_tls_the_session_s_cookie_and_the_address_stay_there(guarded: FlaskClient) -> None:
    plain = guarded.post("/login", data={"token": TOKEN})
    over_tls = guarded.post("/login", data={"token": TOKEN}, base_url="https://localhost")

    assert (
        "Secure" in over_tls.headers["Set-Cookie"]
        and "Strict-Transport-Security" in over_tls.headers
    )
    assert (
        "Secure" not in plain.headers["Set-Cookie"]
        and "Strict-Transport-Security" not in plain.headers
    )
