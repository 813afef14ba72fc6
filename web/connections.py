"""Connections of one web process: each has a deadline; where there are too many, whoever has most loses its oldest."""

import asyncio
import time
from collections import defaultdict
from concurrent.futures import Executor
from functools import partial
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]

from web.platform import POOL_SIZE

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
