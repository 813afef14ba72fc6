"""One request and its answer: the body is taken whole, and the answer goes as fast as it is read, without a thread."""

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

from contracts.values import Json, frozen
from web.actors import PEER
from web.connections import BYTES_PER_S, IDLE_S, UNSENT_BYTES, Connection

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
