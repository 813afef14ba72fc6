"""Every command of docs/redis-cli.md, executed against a live queue; its answer has the shape that the page shows."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis
from rq import Queue
from rq.executions import Execution
from rq.serializers import JSONSerializer

from tests.services.processes import PROJECT_ROOT, Programs
from tests.services.redis_server import RedisServer, installed
from tests.services.waiting import wait_until
from tests.services.web_app import run_values, sweep_values

PAGE = PROJECT_ROOT / "docs" / "redis-cli.md"
MARK = "@@command@@"
_RUN_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PLACEHOLDERS = {"<run_id>": _RUN_ID, "<id>": rf"{_RUN_ID}-\d+", "<n>": r"\d+", "...": r".*"}


def documented() -> list[tuple[str, str]]:
    """Each command of the page with the answer below it."""
    blocks = re.findall(
        r"^```console\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    commands: list[tuple[str, str]] = []
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], ""))
        else:
            command, answer = commands[-1]
            commands[-1] = (command, f"{answer}{line}\n")
    return commands


def shape(answer: str) -> "re.Pattern[str]":
    """The answers that the page's answer stands for."""
    pattern = re.escape(answer.rstrip("\n"))
    for placeholder, meaning in PLACEHOLDERS.items():
        pattern = pattern.replace(re.escape(placeholder), meaning)
    return re.compile(pattern, re.DOTALL)


def answers(commands: list[str], redis_server: RedisServer, folder: Path) -> list[str]:
    """Run the commands in one shell on a terminal; return the output of each."""
    cli = installed("redis-cli")
    program = folder / "redis-cli"
    program.write_text(f'#!/bin/sh\nexec "{cli}" -p {redis_server.port} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "\n".join(f"echo {MARK}\n{command}" for command in commands)
    environ = {"PATH": path, "REDIS_URL": redis_server.url, "HOME": str(folder), "TERM": "dumb"}
    return on_terminal(["sh", "-c", script], environ).split(f"{MARK}\n")[1:]


def on_terminal(command: list[str], environ: dict[str, str]) -> str:
    """Everything that a command prints on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environ
    )
    os.close(theirs)
    printed = b""
    try:
        while chunk := os.read(ours, 65536):
            printed += chunk
    except OSError:  # Linux says so when the last writer has closed the terminal
        pass
    finally:
        os.close(ours)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return re.sub("\r+\n", "\n", printed.decode())  # INFO's own lines end in CR LF


@pytest.fixture
def live_queue(client: FlaskClient, redis_server: RedisServer, programs: Programs) -> None:
    """A queue with waiting, running and finished messages."""
    finished = client.post("/run_backtest", json=run_values()).json["run_id"]
    assert programs.start("consumer").wait() == 0
    running = client.post("/run_backtest", json=run_values()).json["run_id"]
    client.post("/api/runs/bulk", json=sweep_values(4))
    client.post("/run_backtest", json=run_values())
    redis = Redis.from_url(redis_server.url)
    queue = Queue("backtests", connection=redis, serializer=JSONSerializer)
    redis.lrem(queue.key, 1, f"{running}-1")
    job = queue.fetch_job(f"{running}-1")
    assert job and finished
    with redis.pipeline() as pipeline:
        Execution.create(job, ttl=60, pipeline=pipeline)
        pipeline.execute()


def test_every_command_of_the_page_answers_as_the_page_shows(
    live_queue: None, redis_server: RedisServer, tmp_path: Path
) -> None:
    commands = documented()
    assert len(commands) > 20

    printed = answers([command for command, _ in commands], redis_server, tmp_path)

    assert len(printed) == len(commands)
    for (command, expected), answer in zip(commands, printed, strict=True):
        assert shape(expected).fullmatch(answer.rstrip("\n")), (
            f"$ {command}\n{answer}\nis not like\n{expected}"
        )


def test_only_other_programs_are_left_out() -> None:
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )

    assert {line.split()[0] for line in "".join(blocks).splitlines()} == {"kubectl"}


def test_a_dropped_message_comes_back(
    client: FlaskClient, redis_server: RedisServer, programs: Programs
) -> None:
    run_id = client.post("/run_backtest", json=run_values()).json["run_id"]
    redis = redis_server.client()
    assert redis.lrem("rq:queue:backtests", 1, f"{run_id}-1") == 1
    redis.delete(f"rq:job:{run_id}-1")

    programs.start("consumer.reconciler")

    wait_until(
        lambda: redis.lrange("rq:queue:backtests", 0, -1) == [f"{run_id}-1"], 30, "the message"
    )
