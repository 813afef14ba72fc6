"""One request and its answer: the body is taken whole, and the answer goes as fast as it is read, without a thread."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from io import BytesIO
from typing import Any, TypeVar
from wsgiref.types import WSGIEnvironment

from contracts.values import Json, frozen
from web.connections import BYTES_PER_S, IDLE_S, UNSENT_BYTES, Connection
from web.wsgi import Answer

BODY_S = 20.0  # for a body, beside what its size allows
LINGER_S = 5.0  # in which who was refused may go on sending, and so comes to read why
T = TypeVar("T")


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
