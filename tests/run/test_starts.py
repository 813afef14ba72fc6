"""Checks of `make run` before it starts anything, and their messages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import run_local as script
from tests.services.ports import free_port
from tests.services.processes import Program

Start = Callable[..., Program]


@pytest.fixture
def platform_settings() -> dict[str, str]:
    """Nothing: `make run` brings its own database and queue."""
    return {}


def test_a_machine_without_any_redis_is_told_what_to_install(
    make_run: Start, without_bundled: dict[str, str], tmp_path: Path
) -> None:
    platform = make_run(PORT=str(free_port()), PATH=str(tmp_path), **without_bundled)

    assert platform.wait(30) == 1
    assert "no Redis server found: install redis-server 6.2 or newer" in platform.log


def test_a_path_too_long_for_a_socket_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(script, "SOCKET", tmp_path / ("long" * 30) / "redis.sock")

    with pytest.raises(
        script.CannotRun,
        match="longer than the 103 bytes of a socket's path; clone to a shorter path",
    ):
        script._start_redis({})


def test_a_second_start_in_a_folder_names_the_first(make_run: Start) -> None:
    port = free_port()
    first = make_run(PORT=str(port))
    first.wait_for_line("starting the bundled Redis", 60)

    second = make_run(PORT=str(free_port()))

    assert second.wait(30) == 1
    assert (
        f"is already running, as process {first.pid} on port {port}; `kill {first.pid}` stops it"
        in second.log
    )


def test_a_port_in_use_is_reported_with_a_way_out(make_run: Start, redis_server: Any) -> None:
    taken = str(redis_server.port)

    platform = make_run(PORT=taken)

    assert platform.wait(30) == 1
    assert f"port {taken} is in use" in platform.log
    assert f"PORT={int(taken) + 1} make run" in platform.log


def test_a_database_that_does_not_exist_is_reported(make_run: Start) -> None:
    platform = make_run(PORT=str(free_port()), DATABASE_URL="postgres://nowhere/x")

    assert platform.wait(60) == 1
    assert "DATABASE_URL=…: a URL that starts with sqlite://" in platform.log


def test_a_value_of_the_env_file_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = "# why\nKEY=b#c  # a comment\nHOSTS=a, b\nQUOTED='x # y'\nPRICE=$HOME\nPORT=5001\nEMPTY=\n"
    (tmp_path / ".env").write_text(written)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setenv("PORT", "5002")
    monkeypatch.delenv("EMPTY", raising=False)

    read = script._environment()

    expected = {
        "KEY": "b#c",
        "HOSTS": "a, b",
        "QUOTED": "x # y",
        "PRICE": "$HOME",
        "PORT": "5002",
    }
    assert {name: read.get(name) for name in (*expected, "EMPTY")} == expected | {"EMPTY": None}
