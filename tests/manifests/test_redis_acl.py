"""The Redis users of k8s/redis.yaml: each may do its role's work and nothing else."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from adapters.queue.messages import BYTES_PER_MESSAGE, RunMessage
from adapters.queue.run_queue import RunQueue, connect_redis, queues_of
from adapters.settings import load_settings
from consumer.job.child import ChildExit
from consumer.job.messages import MessageWorker
from consumer.job.worker import wait_and_pop
from tests.manifests.acl_redis import PASSWORDS, AclRedis
from tests.manifests.checks.documents import read_platform
from tests.services.redis_server import installed
from tests.services.runs import new_request
from web.app import RateLimits

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs/operations.md"
LIST = "rq:queue:backtests"
LISTS = [LIST, f"{LIST}-bulk"]
# KEDA 2.20 reads the length with this: a list that is none must be an error, not a number
KEDA_SCRIPT = """
    local listName = KEYS[1]
    local listType = redis.call('type', listName).ok
    local cmd = {zset = 'zcard', set = 'scard', list = 'llen', hash = 'hlen', none = 'llen'}
    return redis.call(cmd[listType], listName)
"""
REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "start_date": "2004-01-01",
    "end_date": "2012-12-31",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AclRedis]:
    started = AclRedis(read_platform(ROOT), tmp_path_factory.mktemp("acl"))
    started.start()
    yield started
    started.stop()


def message(is_bulk: bool = False) -> RunMessage:
    return RunMessage(str(uuid4()), 1, REQUEST, is_bulk)


def queue_as(server: AclRedis, user: str) -> RunQueue:
    return RunQueue(load_settings(server.settings(user)))


@pytest.mark.parametrize("user", ["web", "reconciler"])
def test_those_who_enqueue_may_use_the_whole_queue(server: AclRedis, user: str) -> None:
    queue, waiting, bulk = queue_as(server, user), message(), message(is_bulk=True)

    queue.enqueue([waiting, bulk])
    seen = (queue.depths(), queue.position(bulk.run_id, 1), queue.waiting_ids())
    queue.remove([waiting.job_id, bulk.job_id])
    connect_redis(load_settings(server.settings(user)).redis_url).ping()

    assert seen == ({"backtests": 1, "backtests-bulk": 1}, 1, [waiting.job_id, bulk.job_id])
    assert server.refusals() == []


def test_web_counts_how_often_somebody_asks(server: AclRedis) -> None:
    rates = RateLimits(load_settings(server.settings("web") | {"READS_PER_MINUTE": "1"}))

    waits = [rates.wait_s("reads", "192.0.2.7") for _ in range(2)]

    assert (waits[0], 1 <= waits[1] <= 60, server.refusals()) == (0, True, [])


@pytest.mark.parametrize(
    "status", [ChildExit.SUCCEEDED, ChildExit.FAILED, ChildExit.NOT_PERSISTED]
)
def test_a_worker_takes_shows_and_tidies_a_message_of_each_list(
    server: AclRedis, status: ChildExit
) -> None:
    waiting, bulk = message(), message(is_bulk=True)
    queue_as(server, "web").enqueue([bulk, waiting])
    settings = load_settings(server.settings("worker"))
    taken = []

    for _ in LISTS:
        worker = MessageWorker(queues_of(settings), settings, "worker")
        job = worker.pop()
        assert job
        worker.mark_started(job)
        worker.send_heartbeat(job)
        worker.archive(job, status)
        taken.append(job.id)

    assert taken == [waiting.job_id, bulk.job_id]
    assert server.refusals() == []


def test_a_worker_may_wait_for_a_message_and_web_sees_it(server: AclRedis) -> None:
    settings = load_settings(server.settings("worker") | {"IDLE_S": "60"})
    waiting, seen = message(), list[int]()

    def comes_later() -> bool:
        seen.append(queue_as(server, "web").idle_jobs())
        if len(seen) == 1:
            Timer(0.2, lambda: queue_as(server, "web").enqueue([waiting])).start()
        return True

    job = wait_and_pop(
        MessageWorker(queues_of(settings), settings, "worker"), settings.idle_s, comes_later
    )

    assert job and job.id == waiting.job_id
    assert seen == [0, 1]
    assert queue_as(server, "web").idle_jobs() == 0
    assert server.refusals() == []


def test_the_reconciler_removes_what_dead_processes_left(server: AclRedis) -> None:
    server.lose_everything()
    waiting = [message(), message(is_bulk=True)]
    queue_as(server, "web").enqueue(waiting)
    with server.administrator() as administrator:
        for each, name in zip(waiting, ("backtests", "backtests-bulk"), strict=True):
            administrator.lmove(
                f"rq:queue:{name}", f"rq:queue:{name}:intermediate", "LEFT", "RIGHT"
            )
            administrator.zadd(f"rq:wip:{name}", {f"{each.job_id}:execution": 9e9})
            administrator.hset(f"rq:execution:{each.job_id}:execution", "id", "execution")
            for registry in ("finished", "failed"):
                administrator.zadd(f"rq:{registry}:{name}", {message().job_id: 1})
            for workers in ("rq:workers", f"rq:workers:{name}"):
                administrator.sadd(workers, f"rq:worker:dead-{name}")

    remains = queue_as(server, "reconciler")
    popped = remains.popped_ids()
    remains.forget(popped)
    remains.expire()

    assert popped == {each.job_id for each in waiting}
    assert server.refusals() == []
    with server.administrator() as administrator:
        assert administrator.keys("rq:*") == ["rq:queues"]


def test_a_waiting_message_takes_the_memory_that_the_manifests_reckon_with(
    server: AclRedis,
) -> None:
    fields = {
        "params": {"period": 14, "oversold": 30, "overbought": 70}, "stop_loss_pct": 2.5, "take_profit_pct": 10.5,
        "trailing_stop_pct": 3.5, "batch_id": "b" * 64, "label": "l" * 64, "ticker": "ABCDEFGHIJKLMNO",
    }  # fmt: skip
    waiting = [
        RunMessage(str(uuid4()), 1, new_request(**fields).to_json(), is_bulk=True)
        for _ in range(5000)
    ]
    with server.administrator() as administrator:
        before = administrator.info("memory")["used_memory"]
        queue_as(server, "web").enqueue(waiting)
        used = administrator.info("memory")["used_memory"] - before
        queue_as(server, "web").remove([each.job_id for each in waiting])

    assert 0.75 * BYTES_PER_MESSAGE < used / len(waiting) < BYTES_PER_MESSAGE


def test_keda_counts_the_waiting_messages_of_each_list(server: AclRedis) -> None:
    waiting = [message(), message(is_bulk=True), message(is_bulk=True)]
    queue_as(server, "web").enqueue(waiting)

    with server.client("keda") as keda:
        counted = [keda.eval(KEDA_SCRIPT, 1, each) for each in LISTS]

    queue_as(server, "web").remove([each.job_id for each in waiting])
    assert counted == [1, 2]


@pytest.mark.parametrize(
    "command",
    [
        ["LPOP", LIST],
        ["LRANGE", LIST, "0", "-1"],
        ["DEL", LIST],
        ["LLEN", f"{LIST}:intermediate"],
        ["INFO"],
        ["KEYS", "*"],
    ],
    ids=lambda command: " ".join(command),
)
def test_keda_may_do_nothing_else(server: AclRedis, command: list[str]) -> None:
    with server.client("keda") as keda, pytest.raises(NoPermissionError):
        keda.execute_command(*command)


def test_a_script_of_keda_may_not_do_more_than_keda(server: AclRedis) -> None:
    with (
        server.client("keda") as keda,
        pytest.raises(Exception, match="(?i)permission|no permissions|can't run"),
    ):
        keda.eval("return redis.call('del', KEYS[1])", 1, LIST)


def test_people_may_look_into_the_queue_and_touch_nothing(server: AclRedis) -> None:
    waiting = message()
    queue_as(server, "web").enqueue([waiting])

    with server.client("inspect") as people:
        seen = people.lrange(LIST, 0, -1)
        described = people.hget(f"rq:job:{waiting.job_id}", "description")
        for refused in (
            ["DEL", LIST],
            ["LPOP", LIST],
            ["KEYS", "*"],
            ["FLUSHALL"],
            ["CONFIG", "GET", "*"],
        ):
            with pytest.raises(NoPermissionError):
                people.execute_command(*refused)

    queue_as(server, "web").remove([waiting.job_id])
    assert seen == [waiting.job_id]
    assert described == "AAPL RSI 2004-01-01..2012-12-31"


def test_people_log_in_with_redis_cli_and_no_password_in_argv(server: AclRedis) -> None:
    answer = subprocess.run(
        [installed("redis-cli"), "-p", str(server.port), "--user", "inspect", "LLEN", LIST],
        env={"REDISCLI_AUTH": PASSWORDS["inspect"]},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == "0"


def test_a_password_is_changed_while_both_are_valid(server: AclRedis) -> None:
    [line] = re.findall(
        r"exec redis-0 -- sh -c '(.* ACL SETUSER .*)'", OPERATIONS.read_text(encoding="utf-8")
    )
    old, new = (sha256(word.encode()).hexdigest() for word in (PASSWORDS["keda"], "the new one"))

    def lengths_seen() -> list[object]:
        seen: list[object] = []
        for word in (PASSWORDS["keda"], "the new one"):
            with Redis(port=server.port, username="keda", password=word) as client:
                try:
                    seen.append(client.llen(LIST))
                except AuthenticationError:
                    seen.append("refused")
        return seen

    seen = [lengths_seen()]
    for step in (f"#{new}", f"!{old}", f"#{old}", f"!{new}"):
        assert server.run_inside(line, "keda", step) == "OK\n"
        seen.append(lengths_seen())

    assert seen == [[0, "refused"], [0, 0], ["refused", 0], [0, 0], [0, "refused"]]


def test_whoever_changes_passwords_may_do_nothing_else(server: AclRedis) -> None:
    line = "REDISCLI_AUTH=$(cat /run/redis/admin) redis-cli --user admin "

    answers = [
        server.run_inside(line + command)
        for command in ("GET rq:queues", "ACL LIST", "CONFIG GET dir")
    ]

    assert all("NOPERM" in answer for answer in answers)


@pytest.mark.parametrize("user", ["web", "worker", "reconciler"])
@pytest.mark.parametrize(
    "command",
    [
        ["FLUSHALL"],
        ["CONFIG", "SET", "maxmemory", "1"],
        ["ACL", "LIST"],
        ["KEYS", "*"],
        ["SHUTDOWN"],
        ["GET", "others"],
    ],
    ids=lambda command: command[0],
)
def test_no_role_may_administrate_or_leave_its_keys(
    server: AclRedis, user: str, command: list[str]
) -> None:
    with server.client(user) as client, pytest.raises(NoPermissionError):
        client.execute_command(*command)


def test_web_may_not_pop(server: AclRedis) -> None:
    with server.client("web") as web, pytest.raises(NoPermissionError):
        web.lpop(LIST)


def test_nobody_gets_in_without_a_password(server: AclRedis) -> None:
    anonymous = connect_redis(f"redis://127.0.0.1:{server.port}/0")

    with anonymous, pytest.raises(AuthenticationError):
        anonymous.ping()


def test_other_hosts_are_asked_to_log_in_instead_of_being_turned_away(server: AclRedis) -> None:
    # protected mode refuses everyone but 127.0.0.1 while the default user has no password
    with socket.create_connection(
        ("127.0.0.1", server.port), timeout=5, source_address=("127.0.0.2", 0)
    ) as anonymous:
        anonymous.sendall(b"PING\r\n")

        assert anonymous.recv(100).startswith(b"-NOAUTH")


def test_the_probe_s_user_may_only_ping(server: AclRedis) -> None:
    with Redis(port=server.port, username="probe", password="any") as probe:
        assert probe.ping()
        with pytest.raises(NoPermissionError):
            probe.llen(LIST)


def test_a_missing_password_stops_the_start(tmp_path: Path) -> None:
    lacking = AclRedis(read_platform(ROOT), tmp_path)

    with pytest.raises(AssertionError, match="KEDA_PASSWORD"):
        lacking.start(keda=None)
