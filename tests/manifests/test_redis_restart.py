"""Redis comes back with its queue from the append-only file, as k8s/redis.yaml and docker-compose.yml configure it."""

from __future__ import annotations

import random
import re
import shlex
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from ruamel.yaml import YAML

from adapters.queue.messages import RunMessage
from adapters.queue.run_queue import RunQueue, connect_redis, queues_of
from adapters.settings import load_settings
from consumer.job.child import ChildExit
from consumer.job.messages import MessageWorker
from tests.manifests.acl_redis import ADMIN, AclRedis
from tests.manifests.checks.documents import read_platform
from tests.services.redis_server import RedisServer
from tests.services.runs import new_request

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "local-backtest"
STEPS = 120
REQUEST = new_request().to_json()
READERS = {
    "string": Redis.get,
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": Redis.smembers,
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    "hash": Redis.hgetall,
    "stream": Redis.xrange,
}


class ClusterRedis(AclRedis):
    """Redis of the manifests."""

    def __init__(self, directory: Path) -> None:
        super().__init__(read_platform(ROOT), directory)


class ComposeRedis(RedisServer):
    """Redis of the compose file: one password for all roles."""

    def __init__(self, directory: Path) -> None:
        compose = YAML(typ="safe").load(ROOT / "docker-compose.yml")
        config = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", compose["configs"]["redis"]["content"])
        lines = [shlex.split(line) for line in config.splitlines()]
        super().__init__(
            directory, tuple(word for name, *values in lines for word in (f"--{name}", *values))
        )
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def settings(self, _user: str) -> dict[str, str]:
        return {"REDIS_URL": self.url}

    def administrator(self) -> Redis:
        return self.client()


@pytest.fixture(params=[ClusterRedis, ComposeRedis], ids=["cluster", "compose"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    started = request.param(tmp_path)
    started.start()
    yield started
    started.stop()


def everything(server: Any) -> dict[str, Any]:
    with server.administrator() as client:
        return {key: READERS[client.type(key)](client, key) for key in client.keys("*")}


def work_at_random(server: Any, dice: random.Random) -> None:
    """Enqueue, pop, put away and remove messages as web, worker and reconciler do."""
    web, remover = (
        RunQueue(load_settings(server.settings(user))) for user in ("web", "reconciler")
    )
    settings = load_settings(server.settings("worker"))
    for _ in range(STEPS):
        step = dice.random()
        if step < 0.5:
            size = dice.choice([1, 1, 5])
            new = [RunMessage(str(uuid4()), 1, REQUEST, dice.random() < 0.5) for _ in range(size)]
            web.enqueue(new)
        elif step < 0.8:
            worker = MessageWorker(queues_of(settings), settings, "worker")
            if job := worker.pop():
                worker.mark_started(job)
                worker.archive(job, dice.choice([ChildExit.SUCCEEDED, ChildExit.FAILED]))
        else:
            waiting = remover.waiting_ids()
            remover.remove(dice.sample(waiting, min(len(waiting), 2)))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_a_restarted_redis_has_all_that_it_had(server: Any, end: signal.Signals) -> None:
    seed = random.randrange(10**6)
    work_at_random(server, random.Random(seed))
    before = everything(server)

    server.stop(end)
    server.start()

    assert before["rq:queue:backtests"], f"seed {seed}: nothing waited"
    assert everything(server) == before, f"seed {seed}"


def test_a_transaction_survives_a_restart(server: Any) -> None:
    with (
        connect_redis(load_settings(server.settings("web")).redis_url) as web,
        web.pipeline(transaction=True) as pipeline,
    ):
        for message in range(20):
            pipeline.rpush("rq:queue:backtests", f"message-{message}")
        pipeline.execute()

    server.stop(signal.SIGTERM)
    server.start()

    with server.administrator() as client:
        assert client.llen("rq:queue:backtests") == 20


@pytest.mark.parametrize("login", ["", "default:@", "default:any@", f":{ADMIN}@"])
def test_nobody_gets_in_as_the_user_of_the_replay(server: Any, login: str) -> None:
    anonymous = connect_redis(f"redis://{login}127.0.0.1:{server.port}/0")

    with anonymous, pytest.raises(AuthenticationError):
        anonymous.ping()
