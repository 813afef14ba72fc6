"""A web application on real services, and runs in every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

RunMaker = Callable[..., str]
TokenMaker = Callable[..., dict[str, str]]
# where an answer comes from statements that no test of the store makes
ON_BOTH_DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "mariadb"], indirect=True)


@pytest.fixture(autouse=True)
def charts_may_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing starts a process, which on a machine with a load of 24 took longer than people are let wait."""
    monkeypatch.setattr("web.charts.pictures.DRAWING_S", 300.0)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test says otherwise: pages and answers are made of the same rows whatever has kept them."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    return url


@pytest.fixture
def page_app(app: Flask) -> Flask:
    """The application, with tests' settings; a fault is a page here, as it is for people."""
    app.testing = False
    return app


@pytest.fixture
def browser_client(page_app: Flask) -> FlaskClient:
    """A client that asks for HTML, as browsers do."""
    client = page_app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


@pytest.fixture
def make_run(page_app: Flask, monkeypatch: pytest.MonkeyPatch) -> RunMaker:
    """Submits a run, works on it in this process when `state` says so, and returns its run_id; pictures stand in."""
    from contracts.run_result import CHART_NAMES
    from contracts.status import ErrorType
    from tests.web.made_runs import make

    pictures = dict.fromkeys(CHART_NAMES, b"\x89PNG\r\n")  # to draw them takes half a second
    monkeypatch.setattr("consumer.kinds.draw_charts.render_charts", lambda data: pictures)

    def run(
        state: str = "completed", error_type: ErrorType = ErrorType.ENGINE_ERROR, **fields: Any
    ) -> str:
        return make(page_app, state, fields, error_type)

    return run


@pytest.fixture
def run_id(make_run: RunMaker) -> str:
    """A completed run of sixty-odd trades, some of them short."""
    return make_run(rule_type="MACD", params={}, direction="longshort", stop_loss_pct=4)


@pytest.fixture
def run_command(
    platform_settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """`python -m adapters.tokens` with these words: its exit code, and its output."""
    from adapters import tokens as command

    monkeypatch.setenv("DATABASE_URL", platform_settings["DATABASE_URL"])

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["tokens", *words])
        code = command.main()
        output = capsys.readouterr()
        return code, (output.out or output.err).strip()

    return run


@pytest.fixture
def made(run_command: Callable[..., tuple[int, str]]) -> TokenMaker:
    """Makes a token of a scope by the command; the headers that show it."""

    def make(scope: str, name: str = "", *words: str) -> dict[str, str]:
        code, token = run_command("make", name or scope, "--scope", scope, *words)
        assert code == 0
        return {"Authorization": f"Bearer {token}"}

    return make


@pytest.fixture
def anybody(made: TokenMaker, app: Flask) -> Iterator[FlaskClient]:
    """A client of a platform that has tokens."""
    made("read", "the-first")
    return app.test_client()
