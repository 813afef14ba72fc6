"""The calls that the client is made of: each asks a platform for one address, and gives back its JSON."""

import random
import time
from collections.abc import Callable
from typing import Any

from backtests.bulk import RunRequest
from backtests.transport import Transport, as_json, query_of

BATCH_POLL_S, FIRST_LOOK_S = 1.0, 0.1
LONG_TIMEOUT_S = 600.0  # checking a million bars took 33 s on a busy machine
DEFAULT_URL = "http://127.0.0.1:5000"
LIVING = ("pending", "running")

Json = dict[str, Any]


class Connection:
    """Speaks to the platform at `url`."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        token: str | None = None,
        patience_s: float | None = None,
        say: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._transport = Transport(url, token, patience_s, say, sleep, jitter)
        self.url = self._transport.url
        self._say, self._sleep = say, sleep

    def get(self, path: str, **query: object) -> Json:
        """The JSON object of any address of the API; None is left out of the query."""
        found: Json = self._transport.json(path + query_of(**query))
        return found

    def read(self, path: str) -> bytes:
        """The bytes of any address, such as a page or a chart."""
        return self._transport.call(path)

    def _post(
        self, path: str, sent: RunRequest | None = None, key: str | None = None, **more: float
    ) -> Json:
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        answer: Json = self._transport.json(
            path, b"" if sent is None else as_json(sent).encode(), headers, **more
        )
        return answer
