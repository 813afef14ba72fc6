"""The gunicorn worker: it takes requests whole before a thread works on them, and bounds what clients may cost."""

import asyncio
import math
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from io import BytesIO
from socket import socket
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

from flask import Flask
from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]
from gunicorn.workers import gasgi  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from contracts.values import Json, frozen
from web.api import MAX_BODY_BYTES, most_bytes
from web.app import POOL_SIZE
from web.security import BAD_PREFIX, PEER, is_welcome

HEADERS_S = 10.0  # from a request's first byte to the end of its headers
# of silence, or for an answer beside what its size allows; longer than an ingress keeps its side open
IDLE_S = 75.0
BYTES_PER_S = 50_000  # a body or an answer may be as slow as this, on the average
CONNECTIONS = 2_000  # of one process
HEADER_BYTES = 32 * 1024
UNSENT_BYTES = 32 * 1024  # of an answer, before its reader is waited for
_REFUSAL = "HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Address:
    """Where connections come from: those that are open, the least lately used first, and its turns for threads."""

    def __init__(self) -> None:
        self.open: dict[Connection, None] = {}
        # thousands of requests from here must not be a queue before everybody else's
        self.turns: dict[Executor, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(POOL_SIZE)
        )


class Connections:
    """All that are open, by address."""

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._addresses: dict[str, Address] = defaultdict(Address)

    def add(self, newest: "Connection", host: str) -> Address:
        """Where it comes from; an older one makes room where there are too many now."""
        address = self._addresses[host]
        address.open[newest] = None
        if len(address.open) > self._per_address:
            next(iter(address.open)).drop()
        elif sum(len(each.open) for each in self._addresses.values()) > CONNECTIONS:
            next(iter(max(self._addresses.values(), key=lambda each: len(each.open)).open)).drop()
        return address

    def close_late(self) -> None:
        """Close those whose time is over."""
        now = time.monotonic()
        for each in self._all():
            if each.deadline < now:
                each.drop()
        self._addresses = defaultdict(
            Address, {host: kept for host, kept in self._addresses.items() if kept.open}
        )

    def close_idle(self) -> None:
        """Close those that are asked for nothing, each when it has sent what it has."""
        for each in self._all():
            if each.is_idle:
                each.transport.close()

    def _all(self) -> list["Connection"]:
        return [each for address in self._addresses.values() for each in address.open]


class Connection(ASGIProtocol):  # type: ignore[misc]
    """One connection, which knows until when what it is about may take."""

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self.app = partial(worker.asgi, self)  # who answers is told whom

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin, and be one of those of its address."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES)
        host, *_ = transport.get_extra_info("peername") or [""]  # it may have left already
        self.address = self.worker.connections.add(self, host)
        self.rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.address.open.pop(self, None)
        super().connection_lost(exc)

    def drop(self) -> None:
        """End now, whatever has not been sent."""
        self.address.open.pop(self, None)
        self.transport.abort()

    def rest(self) -> None:
        """Wait for the next request, and until what has been sent is read."""
        self.is_idle, self._head_bytes = True, 0
        self.allow(IDLE_S + self.transport.get_write_buffer_size() / BYTES_PER_S)

    def allow(self, seconds: float) -> None:
        """Give what it is about time from now on; it is the last of its address to make room."""
        self.deadline = time.monotonic() + seconds
        if self in self.address.open:
            del self.address.open[self]
            self.address.open[self] = None

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request, whose head has a deadline and a bound."""
        if self.is_idle:
            self.is_idle = False
            self.allow(HEADERS_S)
        try:
            super().data_received(data)
        except ValueError:  # a length of more digits than Python converts
            self._refuse("400 Bad Request")
        self._head_bytes += len(data)
        is_head = self._current_request is None and not self.transport.is_closing()
        if is_head and self._head_bytes > HEADER_BYTES:
            self._refuse("431 Request Header Fields Too Large")

    def _refuse(self, status: str) -> None:
        self.transport.write(_REFUSAL.format(status).encode())
        self.transport.close()


BODY_S = 20.0  # for a body, beside what its size allows
LINGER_S = 5.0  # in which who was refused may go on sending, and so comes to read why
PIECE_BYTES = 256 * 1024  # of an answer that is made while it is sent
_PLAIN = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
T = TypeVar("T")


def environ_of(scope: dict[str, Any]) -> WSGIEnvironment:
    """The WSGI environment of an ASGI scope, without a body; PEER is who is at the other end."""
    (server, port), (client, _) = scope["server"], scope["client"]
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client.removeprefix("::ffff:"),  # of IPv4, on a socket for both
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ[PEER] = environ["REMOTE_ADDR"]
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        key, text = key if key in _PLAIN else f"HTTP_{key}", value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    return environ


class Answer:
    """What an application answers: status, headers, and a piece of the body."""

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment) -> None:
        self._body = app(environ, self._start)
        self._parts = iter(self._body)
        self.go_on()

    def _start(
        self, status: str, headers: Sequence[tuple[str, str]], exc_info: object = None
    ) -> Any:
        self.status = int(status.partition(" ")[0])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]

    def go_on(self) -> None:
        """Make the next piece, and close the answer where it is the last one."""
        made, size = [], 0
        self.is_whole = False
        for part in self._parts:
            made.append(part)
            size += len(part)
            if size >= PIECE_BYTES:
                break
        else:
            self.close()
        self.piece = b"".join(made)  # of a single part no copy

    def close(self) -> None:
        """Let go of what the rest would be made from."""
        if not self.is_whole and hasattr(self._body, "close"):
            self._body.close()
        self.is_whole = True


@frozen
class Exchange:
    """A connection's present request, by the two sides of ASGI, and the threads that work on it.

    ConnectionError when the client leaves.
    """

    connection: Connection
    receive: Callable[[], Awaitable[Json]]
    send: Callable[[Json], Awaitable[None]]
    threads: Executor

    async def in_turn(self, work: Callable[..., T], *given: Any) -> T:
        """What a thread makes of it; nothing is begun for who has left meanwhile."""
        async with self.connection.address.turns[self.threads]:
            if self.connection.transport.is_closing():
                raise ConnectionResetError
            return await asyncio.get_running_loop().run_in_executor(self.threads, work, *given)

    async def take_body(self, environ: WSGIEnvironment, most: int) -> bool:
        """Put the body into the environ; where it is too large, only a length that makes the application say so."""
        declared, body, more = int(environ.get("CONTENT_LENGTH", 0)), bytearray(), True
        self.connection.allow(BODY_S)
        while more and max(declared, len(body)) <= most:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            body += message["body"]
            self.connection.deadline += len(message["body"]) / BYTES_PER_S
            more = message["more_body"]
        self.connection.allow(math.inf)
        size = max(declared, len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)  # it came in chunks, and has a length now
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = (
            BytesIO(body if size <= most else b""),
            str(size),
        )
        return size <= most

    async def give(self, answer: Answer) -> None:
        """Send an answer; more of it is made when there is room."""
        self.connection.allow(IDLE_S)
        await self.send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        try:
            while True:
                for start in range(0, len(answer.piece), UNSENT_BYTES):
                    part = answer.piece[start : start + UNSENT_BYTES]
                    self.connection.deadline += len(part) / BYTES_PER_S
                    await self.send(
                        {"type": "http.response.body", "body": part, "more_body": True}
                    )
                if answer.is_whole:
                    break
                await self.in_turn(answer.go_on)
        finally:
            answer.close()
        await self.send({"type": "http.response.body", "body": b""})

    async def linger(self) -> None:
        """Let the rest of a refused body come, and go."""
        self.connection.allow(LINGER_S)
        while (await self.receive())["type"] == "http.request":
            pass


NOTHING = -1  # not even an empty body is waited for
LARGE_BODIES = 4  # at once, in one process, of those routes that take more than others
PROBES = ("/health", "/ready")
ACCEPTED_AT_ONCE = 16  # connections, before those that there are have their turn

gasgi.ASGIProtocol = Connection  # gunicorn has no setting for it
# takes X-Forwarded-For, -Proto and -Prefix into an environ
_proxy_fix = ProxyFix(lambda environ, start_response: [], x_prefix=1)
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")  # no host, no way out of it


class FrontWorker(gasgi.ASGIWorker):  # type: ignore[misc]
    """A gunicorn process with such a front."""

    def load_wsgi(self) -> None:
        """Put the front before the application."""
        app = self.app.wsgi()
        _allow_files(2 * CONNECTIONS)
        self.connections = Connections(
            app.extensions["platform"].settings.connections_per_address
        )
        self.asgi = Front(app)
        self.loop.create_server = partial(self._listen, self.loop.create_server)

    async def _listen(
        self, create_server: Any, *given: Any, sock: socket, **named: Any
    ) -> asyncio.Server:
        """Take up few connections at a time, so that others have their turn, and let the system hold many more."""
        server: asyncio.Server = await create_server(
            *given, sock=sock, backlog=ACCEPTED_AT_ONCE, **named
        )
        sock.listen(self.cfg.backlog)  # asyncio has made both numbers one
        return server

    def notify(self) -> None:
        """Every second: say that this process lives, and close what is late."""
        super().notify()
        self.connections.close_late()

    def handle_exit_signal(self) -> None:
        """End as soon as what has been asked already is answered."""
        super().handle_exit_signal()
        self.connections.close_idle()


class Front:
    """An ASGI application around a Flask one."""

    def __init__(self, app: Flask) -> None:
        settings = app.extensions["platform"].settings
        self._app, self._proxy, self._routes = app, settings.trusted_proxy, app.url_map.bind("")
        self._large = asyncio.Semaphore(LARGE_BODIES)
        self._threads = ThreadPoolExecutor(POOL_SIZE)
        # answered while all others wait for MySQL
        self._probing = {path: ThreadPoolExecutor(1) for path in PROBES}

    async def __call__(
        self, connection: Connection, scope: Json, receive: Any, send: Any
    ) -> None:
        """Answer one request."""
        connection.allow(math.inf)
        exchange = Exchange(
            connection, receive, send, self._probing.get(scope["path"], self._threads)
        )
        try:
            await self._answer(exchange, scope)
        except ConnectionError:
            connection.drop()
        finally:
            connection.rest()

    async def _answer(self, exchange: Exchange, scope: Json) -> None:
        environ = environ_of(scope)
        if self._proxy in ("*", environ[PEER]):
            _believe(environ)
        most = self._most_bytes(scope)
        if most > MAX_BODY_BYTES and not await exchange.in_turn(is_welcome, self._app, environ):
            most = NOTHING
        async with self._large if most > MAX_BODY_BYTES else nullcontext():
            is_taken = await exchange.take_body(environ, most)
            answer = await exchange.in_turn(Answer, self._app, environ)
        await exchange.give(answer)
        if not is_taken:
            await exchange.linger()

    def _most_bytes(self, scope: Json) -> int:
        """How large a body may be here."""
        try:
            endpoint, _ = self._routes.match(scope["path"], scope["method"])
        except HTTPException:
            return MAX_BODY_BYTES
        return most_bytes(self._app, endpoint)


def _believe(environ: WSGIEnvironment) -> None:
    """Take client, scheme and prefix from a trusted proxy's headers; a prefix that is no path becomes BAD_PREFIX."""
    _proxy_fix(environ, None)  # type: ignore[arg-type]
    prefix = environ["SCRIPT_NAME"].rstrip("/")
    is_path = not prefix or _PREFIX.fullmatch(prefix)
    environ["SCRIPT_NAME"] = prefix if is_path else ""
    if not is_path:
        environ[BAD_PREFIX] = prefix


def _allow_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
