"""A TCP proxy in front of a server, so that a test can cut, freeze or slow down the network between two programs."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from tests.services.ports import free_port

SETTLING_S = 0.01  # many turns of the loop; a socket is closed in the one after the next


class TcpProxy:
    """Forwards 127.0.0.1:`port` to `target_port` of `target_host`."""

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self.port = free_port()
        self._target = target_host, target_port
        self._delay_s = 0.0
        self._flowing = True
        self._unanswered = b""
        self.lost_answers = 0  # how often `lose_the_answer_to` has had its way
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: socket.socket | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.restore()

    def restore(self) -> None:
        """Forward everything without delay, as at the start."""
        self._delay_s, self._flowing = 0.0, True
        self._do(self._listen)

    def cut(self) -> None:
        """Break all connections and refuse new ones."""
        self._do(self._stop_listening)

    def freeze(self) -> None:
        """Keep connections open and take new ones, but let nothing through until `restore`."""
        self._flowing = False

    def delay(self, seconds: float) -> None:
        """Hold back each piece of data for so long, in both directions."""
        self._delay_s = seconds

    def lose_the_answer_to(self, request: bytes) -> None:
        """Let the next piece of data that ends so through, and break its connection in place of the server's answer."""
        self._unanswered = request

    def close(self) -> None:
        """End the proxy and its thread."""
        self._do(self._stop_listening)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(step(), self._loop).result(10)

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listener.setblocking(False)
            self._loop.add_reader(self._listener, self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # whoever called has left
            self._serving.add(self._loop.create_task(self._serve(listener.accept()[0])))

    async def _stop_listening(self) -> None:
        if self._listener:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        # who was just accepted begins to be served, and is closed with the others
        await asyncio.sleep(0)
        for writer in list(self._writers):
            writer.transport.abort()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self._serving.clear()
        await asyncio.sleep(SETTLING_S)  # their sockets close

    async def _serve(self, client: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=client)
        except (OSError, asyncio.CancelledError):
            client.close()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except (
            OSError,
            asyncio.CancelledError,
        ):  # nobody there, or the proxy is closed meanwhile
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            carried_out = asyncio.Event()
            await asyncio.gather(
                self._pump(reader, far_writer, lambda data: self._let_through(data, carried_out)),
                self._pump(far_reader, writer, lambda _: self._withhold(carried_out)),
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, far_writer):
                each.transport.abort()
                self._writers.discard(each)

    def _let_through(self, data: bytes, carried_out: asyncio.Event) -> None:
        if self._unanswered and data.endswith(self._unanswered):
            carried_out.set()

    def _withhold(self, carried_out: asyncio.Event) -> None:
        if carried_out.is_set():
            self._unanswered = b""
            self.lost_answers += 1
            raise ConnectionAbortedError("the answer gets lost")

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        look_at: Callable[[bytes], None],
    ) -> None:
        while data := await reader.read(65536):
            look_at(data)
            await asyncio.sleep(self._delay_s)
            while not self._flowing:
                await asyncio.sleep(0.01)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
