"""Rate limits per token and address; while Redis is away nobody is refused."""

import pytest
from flask.testing import FlaskClient

from adapters.settings import load_settings
from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values, web_app
from web.app import RateLimits

TOKENS = [{"Authorization": f"Bearer token-{number}-of-16-or-more"} for number in range(2)]


def submissions(client: FlaskClient, headers: dict[str, str], times: int) -> list[int]:
    """Status codes of that many different submissions."""
    answers = [
        client.post("/run_backtest", json=run_values(), headers=headers) for _ in range(times)
    ]
    return [answer.status_code for answer in answers]


def test_who_changes_too_much_learns_when_to_try_again(
    platform_settings: dict[str, str],
) -> None:
    tokens = ",".join(each["Authorization"].split()[1] for each in TOKENS)
    with web_app(platform_settings | {"API_TOKENS": tokens, "CHANGES_PER_MINUTE": "2"}) as app:
        client = app.test_client()

        assert submissions(client, TOKENS[0], 3) == [202, 202, 429]
        refused = client.post("/run_backtest", json=run_values(), headers=TOKENS[0])
        assert (
            1 <= int(refused.headers["Retry-After"]) <= 60,
            "changes" in refused.json["error"],
        ) == (True, True)
        assert submissions(client, TOKENS[1], 1) == [202]
        assert client.get("/api/runs", headers=TOKENS[0]).status_code == 200


def test_logins_and_reads_are_counted_by_address(platform_settings: dict[str, str]) -> None:
    limits = {"LOGINS_PER_MINUTE": "1", "READS_PER_MINUTE": "2", "OPEN_ACCESS": "true"}
    with web_app(platform_settings | limits) as app:
        client = app.test_client()
        logins = [client.post("/login", data={"token": "wrong"}).status_code for _ in range(2)]
        reads = [client.get("/api/runs").status_code for _ in range(3)]
        elsewhere = client.get("/api/runs", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code
        probes = [client.get("/health").status_code for _ in range(5)]

    assert (logins, reads, elsewhere) == ([401, 429], [200, 200, 429], 200)
    assert probes == [200] * 5


def test_while_redis_is_away_nobody_is_refused_and_the_log_says_so_once(
    platform_settings: dict[str, str], redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    rates = RateLimits(load_settings(platform_settings | {"READS_PER_MINUTE": "1"}))
    redis_server.stop()
    try:
        waits = [rates.wait_s("reads", "192.0.2.7") for _ in range(5)]
    finally:
        redis_server.start()

    assert (waits, caplog.text.count("requests_not_counted")) == ([0] * 5, 1)
