"""The gunicorn worker: it reads requests whole before a thread works on them, and limits what clients may cost.

gunicorn speaks HTTP and manages the processes. This module limits the size of a body by its route, the senders and the
number of large ones, the time and the number of connections, and shares the threads fairly between addresses.
"""

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
from web.api import MAX_BODY_BYTES, max_body_bytes
from web.app import POOL_SIZE
from web.security import BAD_PREFIX, PEER, may_send_body

T = TypeVar("T")

HEADERS_S = 10.0  # from a request's first byte to the end of its headers
# of silence, or for a response in addition to what its size allows; longer than an ingress keeps its side open
IDLE_S = 75.0
BODY_S = 20.0  # for a body, in addition to what its size allows
DRAIN_S = 5.0  # for reading the rest of a refused body, so that the client receives the error
BYTES_PER_S = 50_000  # the lowest accepted average speed of a body or a response
CONNECTIONS = 2_000  # of one process
HEADER_BYTES = 32 * 1024
UNSENT_BYTES = 32 * 1024  # of a response; above this the sender waits for the reader
PIECE_BYTES = 256 * 1024  # of a response that is generated while it is sent
NO_BODY = -1  # do not wait even for an empty body
LARGE_BODIES = 4  # at once in one process, on routes that accept more than the others
PROBES = ("/health", "/ready")
ACCEPTED_AT_ONCE = 16  # connections, before the open ones are served again

_REFUSAL = "HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})  # headers without HTTP_ in WSGI
# applies X-Forwarded-For, -Proto and -Prefix to an environ
_proxy_fix = ProxyFix(lambda environ, start_response: [], x_prefix=1)
_PREFIX = re.compile(
    r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+"
)  # no host, and no . or .. segment


class Address:
    """A client address: its open connections, the least recently used first, and its share of the threads."""

    def __init__(self) -> None:
        self.open: dict[Connection, None] = {}
        # thousands of requests from one address must not queue ahead of everybody else's
        self.thread_slots: dict[Executor, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(POOL_SIZE)
        )


class Connections:
    """All open connections, by address."""

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._addresses: dict[str, Address] = defaultdict(Address)

    def add(self, connection: "Connection", host: str) -> Address:
        """Add a connection; above a limit, drop the least recently used one of its address, or of the largest one."""
        address = self._addresses[host]
        address.open[connection] = None
        if len(address.open) > self._per_address:
            next(iter(address.open)).drop()
        elif sum(len(each.open) for each in self._addresses.values()) > CONNECTIONS:
            next(iter(max(self._addresses.values(), key=lambda each: len(each.open)).open)).drop()
        return address

    def close_expired(self) -> None:
        """Drop connections whose deadline has passed, and forget addresses without connections."""
        now = time.monotonic()
        for connection in self._all():
            if connection.deadline < now:
                connection.drop()
        self._addresses = defaultdict(
            Address, {host: address for host, address in self._addresses.items() if address.open}
        )

    def close_idle(self) -> None:
        """Close connections without a request in progress, each once its pending output is sent."""
        for connection in self._all():
            if connection.is_idle:
                connection.transport.close()

    def _all(self) -> list["Connection"]:
        return [each for address in self._addresses.values() for each in address.open]


class Connection(ASGIProtocol):  # type: ignore[misc]
    """One connection, with a deadline for its current step."""

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self.app = partial(worker.asgi, self)

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Register the connection with its address."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES)
        host, *_ = transport.get_extra_info("peername") or [
            ""
        ]  # the client may have left already
        self.address = self.worker.connections.add(self, host)
        self.wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        self.address.open.pop(self, None)
        super().connection_lost(exc)

    def drop(self) -> None:
        """Abort the connection and discard its pending output."""
        self.address.open.pop(self, None)
        self.transport.abort()

    def wait_for_request(self) -> None:
        """Become idle, with time to send the pending output."""
        self.is_idle, self._head_bytes = True, 0
        self.set_timeout(IDLE_S + self.transport.get_write_buffer_size() / BYTES_PER_S)

    def set_timeout(self, seconds: float) -> None:
        """Set the deadline of the next step from now, and count as the most recently used of its address."""
        self.deadline = time.monotonic() + seconds
        if self in self.address.open:
            del self.address.open[self]
            self.address.open[self] = None

    def data_received(self, data: bytes) -> None:
        """Parse a part of a request, whose head is limited in time and size."""
        if self.is_idle:
            self.is_idle = False
            self.set_timeout(HEADERS_S)
        try:
            super().data_received(data)
        except ValueError:  # a Content-Length of more digits than Python converts
            self._refuse("400 Bad Request")
        self._head_bytes += len(data)
        is_head = self._current_request is None and not self.transport.is_closing()
        if is_head and self._head_bytes > HEADER_BYTES:
            self._refuse("431 Request Header Fields Too Large")

    def _refuse(self, status: str) -> None:
        self.transport.write(_REFUSAL.format(status).encode())
        self.transport.close()


def environ_of(scope: dict[str, Any]) -> WSGIEnvironment:
    """Make the WSGI environment of an ASGI scope, without a body; PEER is the address of the connection's other end."""
    (server, port), (client, _) = scope["server"], scope["client"]
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client.removeprefix("::ffff:"),  # IPv4 on a dual-stack socket
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
        key, text = key if key in _UNPREFIXED else f"HTTP_{key}", value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    return environ


class Answer:
    """Response of a WSGI application: status, headers, and the current piece of the body."""

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment) -> None:
        self._body = app(environ, self._start)
        self._parts = iter(self._body)
        self.read_piece()

    def _start(
        self, status: str, headers: Sequence[tuple[str, str]], exc_info: object = None
    ) -> Any:
        self.status = int(status.partition(" ")[0])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]

    def read_piece(self) -> None:
        """Generate the next piece of the body, and close the body after the last one."""
        parts, size = [], 0
        self.is_complete = False
        for part in self._parts:
            parts.append(part)
            size += len(part)
            if size >= PIECE_BYTES:
                break
        else:
            self.close()
        self.piece = b"".join(parts)  # a single part is not copied

    def close(self) -> None:
        """Release the source of the body."""
        if not self.is_complete and hasattr(self._body, "close"):
            self._body.close()
        self.is_complete = True


@frozen
class Exchange:
    """A connection's current request: the two sides of ASGI, and the threads that work on it.

    ConnectionError when the client leaves.
    """

    connection: Connection
    receive: Callable[[], Awaitable[Json]]
    send: Callable[[Json], Awaitable[None]]
    threads: Executor

    async def run_in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run `work` in a thread when its address may use one; ConnectionError if the client has left by then."""
        async with self.connection.address.thread_slots[self.threads]:
            if self.connection.transport.is_closing():
                raise ConnectionResetError
            return await asyncio.get_running_loop().run_in_executor(
                self.threads, work, *arguments
            )

    async def read_body(self, environ: WSGIEnvironment, max_bytes: int) -> bool:
        """Put the body into the environ; False if it is too large: then only its length, so that views refuse it."""
        declared, body, more = int(environ.get("CONTENT_LENGTH", 0)), bytearray(), True
        self.connection.set_timeout(BODY_S)
        while more and max(declared, len(body)) <= max_bytes:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            body += message["body"]
            self.connection.deadline += len(message["body"]) / BYTES_PER_S
            more = message["more_body"]
        self.connection.set_timeout(math.inf)
        size = max(declared, len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)  # a chunked body has a length now
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = (
            BytesIO(body if size <= max_bytes else b""),
            str(size),
        )
        return size <= max_bytes

    async def send_answer(self, answer: Answer) -> None:
        """Send a response; generate its next piece when the client has read the one before."""
        self.connection.set_timeout(IDLE_S)
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
                if answer.is_complete:
                    break
                await self.run_in_thread(answer.read_piece)
        finally:
            answer.close()
        await self.send({"type": "http.response.body", "body": b""})

    async def drain(self) -> None:
        """Read and discard the rest of a refused body for up to DRAIN_S, so that the client receives the error."""
        self.connection.set_timeout(DRAIN_S)
        while (await self.receive())["type"] == "http.request":
            pass


class Front:
    """ASGI application that answers requests with a Flask application in threads."""

    def __init__(self, app: Flask) -> None:
        settings = app.extensions["platform"].settings
        self._app, self._proxy, self._routes = app, settings.trusted_proxy, app.url_map.bind("")
        self._large_bodies = asyncio.Semaphore(LARGE_BODIES)
        self._threads = ThreadPoolExecutor(POOL_SIZE)
        # probes are answered while all other threads wait for MySQL
        self._probe_threads = {path: ThreadPoolExecutor(1) for path in PROBES}

    async def __call__(
        self, connection: Connection, scope: Json, receive: Any, send: Any
    ) -> None:
        """Answer one request."""
        connection.set_timeout(math.inf)
        threads = self._probe_threads.get(scope["path"], self._threads)
        try:
            await self._answer(Exchange(connection, receive, send, threads), scope)
        except ConnectionError:
            connection.drop()
        finally:
            connection.wait_for_request()

    async def _answer(self, exchange: Exchange, scope: Json) -> None:
        environ = environ_of(scope)
        if self._proxy in ("*", environ[PEER]):
            _apply_proxy_headers(environ)
        max_bytes = self._max_body_bytes(scope)
        is_large = max_bytes > MAX_BODY_BYTES
        if is_large and not await exchange.run_in_thread(may_send_body, self._app, environ):
            is_large, max_bytes = False, NO_BODY
        async with self._large_bodies if is_large else nullcontext():
            is_accepted = await exchange.read_body(environ, max_bytes)
            answer = await exchange.run_in_thread(Answer, self._app, environ)
        await exchange.send_answer(answer)
        if not is_accepted:
            await exchange.drain()

    def _max_body_bytes(self, scope: Json) -> int:
        try:
            endpoint, _ = self._routes.match(scope["path"], scope["method"])
        except HTTPException:
            return MAX_BODY_BYTES
        return max_body_bytes(self._app, endpoint)


def _apply_proxy_headers(environ: WSGIEnvironment) -> None:
    """Take client, scheme and prefix from a trusted proxy's headers; a prefix that is no path becomes BAD_PREFIX."""
    _proxy_fix(environ, None)  # type: ignore[arg-type]
    prefix = environ["SCRIPT_NAME"].rstrip("/")
    is_path = not prefix or _PREFIX.fullmatch(prefix)
    environ["SCRIPT_NAME"] = prefix if is_path else ""
    if not is_path:
        environ[BAD_PREFIX] = prefix


gasgi.ASGIProtocol = Connection  # gunicorn has no setting for the protocol class


class FrontWorker(gasgi.ASGIWorker):  # type: ignore[misc]
    """A gunicorn process that serves the application behind a Front."""

    def load_wsgi(self) -> None:
        """Put a Front before the application."""
        app = self.app.wsgi()
        _raise_file_limit(2 * CONNECTIONS)
        self.connections = Connections(
            app.extensions["platform"].settings.connections_per_address
        )
        self.asgi = Front(app)
        self.loop.create_server = partial(self._listen, self.loop.create_server)

    async def _listen(
        self, create_server: Any, *arguments: Any, sock: socket, **options: Any
    ) -> asyncio.Server:
        """Accept few connections at a time, to keep serving the open ones, and let the kernel queue many more."""
        server: asyncio.Server = await create_server(
            *arguments, sock=sock, backlog=ACCEPTED_AT_ONCE, **options
        )
        sock.listen(self.cfg.backlog)  # asyncio uses one number for both
        return server

    def notify(self) -> None:
        """Send the heartbeat, once a second, and close expired connections."""
        super().notify()
        self.connections.close_expired()

    def handle_exit_signal(self) -> None:
        """Shut down once the requests in progress are answered."""
        super().handle_exit_signal()
        self.connections.close_idle()


def _raise_file_limit(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, target), hard))
