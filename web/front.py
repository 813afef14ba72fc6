"""The front of the web tier: one loop in each gunicorn process reads all requests and writes all answers.

A thread gets a request when it is whole, so who sends or reads slowly, or nothing at all, holds no thread. Waitress
does that; what is ours is deadlines for whole requests and answers, and room for newcomers when there are too many.
"""

import logging
import os
import resource
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.workers.base import Worker  # type: ignore[import-untyped]
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from adapters.settings import load_settings
from web.actors import PEER

HEADERS_S = 10.0  # from a request's first byte to the end of its headers
BODY_S = 20.0  # for a body, beside what its size allows
BYTES_PER_S = 50_000  # a request or an answer may be as slow as this, on the average
ANSWER_S = 60.0  # for an answer, beside what its size allows
IDLE_S = 75  # longer than an ingress keeps its side open, so that it never writes into a closing connection
CONNECTIONS = 2_000  # of one process; beyond them the one that has been silent longest goes
HEADER_BYTES = 32 * 1024
TICK_S = 0.5
PROBES = ("/health", "/ready")


class Connection(HTTPChannel):  # type: ignore[misc]
    """A connection that knows since when it has been receiving or answering."""

    receiving_since = 0.0
    received_bytes = 0
    answering_since = 0.0

    def received(self, data: bytes) -> bool:
        """Take in what has come; each request has a clock of its own."""
        known = self.request
        taken = bool(super().received(data))
        if self.request is not known:
            self.receiving_since, self.received_bytes = time.time(), 0
        self.received_bytes += len(data)
        return taken

    def is_late(self, now: float) -> bool:
        """Whether its request, or the reading of its answer, takes too long."""
        if self.request is not None and now - self.receiving_since > self._allowed_s():
            return True
        if self.requests or not self.total_outbufs_len:
            self.answering_since = 0.0
            return False
        self.answering_since = self.answering_since or now + self.total_outbufs_len / BYTES_PER_S
        return now - self.answering_since > ANSWER_S

    def _allowed_s(self) -> float:
        return BODY_S + self.received_bytes / BYTES_PER_S if self.request.headers_finished else HEADERS_S

    def is_idle(self) -> bool:
        """Whether nothing of it is being worked on or waits to be sent."""
        return not self.requests and not self.total_outbufs_len


class Front(TcpWSGIServer):  # type: ignore[misc]
    """A listening socket and its connections."""

    channel_class = Connection
    application: WSGIApplication
    per_address: int
    probing: Mapping[str, ThreadedTaskDispatcher]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.application = _naming_peer(self.application)

    def handle_accept(self) -> None:
        """Take a connection, and let go of a silent one where there are too many."""
        known = len(self.active_channels)
        super().handle_accept()
        if len(self.active_channels) > known:
            newest = list(self.active_channels.values())[-1]
            same = [each for each in self.active_channels.values() if each.addr[0] == newest.addr[0]]
            _make_room(same, newest, self.per_address)
            _make_room(self.active_channels.values(), newest, CONNECTIONS)

    def add_task(self, task: Connection) -> None:
        """Let a thread answer; a probe has its own, and so is answered while all others wait for the database."""
        path = getattr(task.requests[0], "path", "")  # of a request that could be read
        self.probing.get(path, self.task_dispatcher).add_task(task)

    def maintenance(self, now: float) -> None:
        """Close what is silent or late."""
        super().maintenance(now)
        for each in self.active_channels.values():
            if each.is_late(now):
                each.will_close = True


def _make_room(connections: Collection[Connection], newest: Connection, most: int) -> None:
    idle = [each for each in connections if each is not newest and each.is_idle()] if len(connections) > most else []
    if idle:
        min(idle, key=lambda each: float(each.last_activity)).handle_close()


class FrontWorker(Worker):  # type: ignore[misc]
    """A gunicorn process with such a front."""

    def run(self) -> None:
        """Serve until the process is told to end, and then what has been asked already."""
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it tells of each request that waits for a thread
        _allow_files(2 * CONNECTIONS)
        fronts = self._fronts()
        while self.alive and self.ppid == os.getppid():
            self._tick()
        for front in fronts:
            front.accepting = False
        deadline = time.time() + self.cfg.graceful_timeout
        while time.time() < deadline and not all(each.is_idle() for front in fronts for each in _open(front)):
            self._tick()
        for dispatcher in (self._dispatcher, *Front.probing.values()):
            dispatcher.shutdown()

    def _fronts(self) -> list[Front]:
        settings = load_settings()
        self._map: dict[int, wasyncore.dispatcher] = {}
        self._dispatcher = _threads(self.cfg.threads)
        terms = Adjustments(
            threads=self.cfg.threads,
            channel_timeout=IDLE_S,
            cleanup_interval=1,
            connection_limit=2 * CONNECTIONS,  # never reached: the silent ones go before
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=max(settings.max_body_mb, settings.max_prices_mb) * 2**20,
            ident=None,
            **_proxy(settings.trusted_proxy),
        )
        Front.per_address = settings.connections_per_address
        Front.probing = {path: _threads(1) for path in PROBES}
        return [
            Front(
                self.wsgi,
                self._map,
                _sock=listener.sock,
                dispatcher=self._dispatcher,
                adj=terms,
                sockinfo=(listener.sock.family, listener.sock.type, listener.sock.proto, listener.sock.getsockname()),
                bind_socket=False,
            )
            for listener in self.sockets
        ]

    def _tick(self) -> None:
        self.notify()
        wasyncore.loop(timeout=TICK_S, map=self._map, use_poll=True, count=1)


def _threads(count: int) -> ThreadedTaskDispatcher:
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(count)
    return dispatcher


def _proxy(address: str) -> dict[str, object]:
    believed = {"x-forwarded-proto", "x-forwarded-for"}
    return {"trusted_proxy": address, "trusted_proxy_headers": believed} if address else {}


def _naming_peer(application: WSGIApplication) -> WSGIApplication:
    """The application, told who is at the other end before a proxy's word is taken for it."""

    def named(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[PEER] = environ["REMOTE_ADDR"]
        return application(environ, start_response)

    return named


def _open(front: Front) -> list[Connection]:
    return list(front.active_channels.values())


def _allow_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
