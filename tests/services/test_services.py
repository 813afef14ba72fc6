"""The services that other tests stand on."""

import signal

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select

from adapters.database import connect_database, database_now, reading
from tests.services import waiting
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.tcp_proxy import TcpProxy
from tests.services.waiting import wait_until

NO_RETRY = Retry(NoBackoff(), 0)


def test_a_time_limit_follows_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "slowness", lambda: 4.0)

    with pytest.raises(AssertionError, match=r"did not come true within 0\.4 s"):
        wait_until(lambda: False, 0.1)


def test_a_restarted_redis_is_empty(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.set("key", "value")

    redis_server.stop()
    redis_server.start()

    with redis_server.client() as client:
        assert client.dbsize() == 0


def test_a_database_tells_its_time(database_url: str) -> None:
    with reading(connect_database(database_url)) as connection:
        assert connection.execute(select(database_now())).scalar_one().year > 2020


def test_no_process_outlives_its_starter(programs: Programs) -> None:
    program = programs.run(["sh", "-c", "setsid sleep 600 & echo started; wait"])
    program.wait_for_line("started")
    (orphan,) = program.children()

    programs.reap()

    assert program.wait() == -signal.SIGKILL
    wait_until(lambda: not _exists(orphan), 5)


def test_a_cut_proxy_breaks_and_refuses_connections(redis_proxy: TcpProxy) -> None:
    client = redis.Redis(port=redis_proxy.port, socket_timeout=5, retry=NO_RETRY)
    assert client.ping()

    redis_proxy.cut()
    with pytest.raises(redis.exceptions.ConnectionError):
        client.ping()

    redis_proxy.restore()
    assert client.ping()
    client.close()


def test_a_frozen_proxy_answers_nothing(redis_proxy: TcpProxy) -> None:
    client = redis.Redis(port=redis_proxy.port, socket_timeout=0.3, retry=NO_RETRY)

    redis_proxy.freeze()
    with pytest.raises(redis.exceptions.TimeoutError):
        client.ping()

    redis_proxy.restore()
    assert client.ping()
    client.close()


def _exists(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
