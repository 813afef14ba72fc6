"""The front of the web tier: gunicorn's processes, which take requests whole before a thread works on them.

gunicorn speaks HTTP and looks after the processes. Ours is what strangers may cost: how large a body may be by its
route, who may send a large one and how many at once, what connections may take, and whose turn it is for a thread.
"""

import asyncio
import math
import re
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from socket import socket
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import Flask
from gunicorn.workers import gasgi  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from contracts.values import Json
from web.actors import BAD_PREFIX, PEER
from web.connections import CONNECTIONS, Connection, Connections
from web.exchange import Answer, Exchange, environ_of
from web.guard import is_welcome
from web.operation import MAX_BODY_BYTES, most_bytes
from web.platform import POOL_SIZE

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
