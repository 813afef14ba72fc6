"""HTTP to one address: patient with a platform that is busy or restarts, quick to say that nobody is there."""

import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from socket import gaierror
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, Request, build_opener
from uuid import uuid4

from backtests.errors import BadInput, Refused, Unreachable

DEFAULT_URL = "http://127.0.0.1:5000"
TIMEOUT_S = 60.0  # of one call
LONG_TIMEOUT_S = 600.0  # checking a million bars took 33 s on a busy machine
PATIENCE_S = 30.0  # of pauses while a platform that is there does not answer
# the same where nothing has ever answered: a wrong address is likelier than a restart
FIRST_PATIENCE_S = 3.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 5.0
FULL_PAUSE_S = 30.0  # when a full queue does not say how long it will be full
AWAY = (502, 503, 504)  # a proxy without its platform, or a platform without its database

Json = dict[str, Any]
Seen = Callable[[Json], None]  # is told of each look at what is waited for
RunRequest = Mapping[str, Any]  # the fields of one run, as POST /run_backtest takes them


class Transport:
    """Speaks to the platform at `url`. patience_s: replaces both PATIENCE_S and FIRST_PATIENCE_S."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        token: str | None = None,
        patience_s: float | None = None,
        say: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"url {url!r} does not begin with http:// or https://")
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._first_patience_s = FIRST_PATIENCE_S if patience_s is None else patience_s
        self._say, self._sleep, self._jitter = say, sleep, jitter
        self._opener = build_opener(_Handler, _Redirects)

    def get(self, path: str, **query: object) -> Json:
        """The JSON object of any address of the API; None is left out of the query."""
        return self._json(path + query_of(**query))

    def read(self, path: str) -> bytes:
        """The bytes of any address, such as a page or a chart."""
        return self._call(path)

    def _post(
        self,
        path: str,
        sent: RunRequest | None = None,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        **query: object,
    ) -> Json:
        """What comes of it; sent again with the same key, by default a new one, it makes no second run."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid4())}
        body = b"" if sent is None else as_json(sent).encode()
        return self._json(path + query_of(**query), body, headers, timeout_s=timeout_s)

    def _json(self, path: str, *sent: Any, **more: Any) -> Json:
        """The JSON of an answer to what `_call` takes; Unreachable when it is none, so not the platform's."""
        body = self._call(path, *sent, **more)
        try:
            answer: Json = json.loads(body)
        except ValueError:
            raise Unreachable(f"{path} does not answer with JSON but {body[:60]!r}") from None
        return answer

    def _call(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> bytes:
        """The body of a 2xx answer; a full queue is waited for without end, everything else while patience lasts.

        method: by default GET, and POST with a body. timeout_s: of silence.
        """
        request = Request(
            self.url + path, body, self._headers | dict(headers or {}), method=method
        )
        waited_s, pause_s = 0.0, FIRST_PAUSE_S
        while True:
            try:
                return self._once(request, timeout_s)
            except _Full as full:
                seconds, why = full.seconds * (1 + self._jitter() / 2), "the queue is full"
            except (OSError, HTTPException) as error:  # an answer cut off in the middle, too
                away, why = getattr(error, "reason", error), f"{self.url} cannot be reached"
                is_nobody = isinstance(away, ConnectionRefusedError | gaierror)
                seconds = pause_s * (0.5 + self._jitter())
                waited_s, pause_s = waited_s + seconds, min(pause_s * 2, LONGEST_PAUSE_S)
                if waited_s > (self._first_patience_s if is_nobody else self._patience_s):
                    raise Unreachable(f"{why}: {away}") from None
                why += f" ({away})"
            self._say(f"{why}; trying again in {seconds:.0f} s")
            self._sleep(seconds)

    def _once(self, request: Request, timeout_s: float) -> bytes:
        """The same of one answer; an OSError or HTTPException when the platform gives none this time."""
        try:
            answer = self._opener.open(request, timeout=timeout_s)
        except HTTPError as error:
            answer = error  # an answer like any other
        with answer:
            code, headers, body = answer.status, answer.headers, bytes(answer.read())
        self._first_patience_s = self._patience_s
        if code < 300:
            return body
        if code == 429:
            raise _Full(headers.get("Retry-After", ""))
        said = f"HTTP {code}: {headers.get('Location', body[:200].decode(errors='replace'))}"
        if code in AWAY:
            raise ConnectionError(said)
        if code < 400 or code >= 500:
            raise Unreachable(f"{request.full_url} answers {said}")
        raise _refused(code, body, said)


class _Full(Exception):
    """The queue is full for so many seconds."""

    def __init__(self, retry_after: str) -> None:
        self.seconds = float(retry_after) if retry_after.isdigit() else FULL_PAUSE_S


class _Connection(HTTPConnection):
    """Reads the answer even when its request was not read to the end: that is how 413 comes for a large body."""

    def send(self, data: Any) -> None:
        # without an answer, reading it raises
        with suppress(BrokenPipeError, ConnectionResetError):
            super().send(data)


class _Handler(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Redirects(HTTPRedirectHandler):
    """Followed by a GET on the same host only: urllib makes a GET of a POST, and tells the token to any host."""

    def redirect_request(self, req: Request, *answer: Any) -> Request | None:
        is_safe = req.get_method() == "GET" and urlsplit(answer[-1]).netloc == req.host
        return super().redirect_request(req, *answer) if is_safe else None


def as_json(value: Any) -> str:
    """A request as JSON; of what JSON does not know a number of numpy's as Python's, a date as YYYY-MM-DD."""
    return json.dumps(
        value, default=lambda each: each.item() if hasattr(each, "item") else str(each)
    )


def _refused(code: int, body: bytes, said: str) -> Refused:
    """What the platform says is wrong; a proxy in front of it may say it in a page of its own, `said`."""
    with suppress(ValueError, TypeError, KeyError):
        answer = json.loads(body)
        return Refused(code, str(answer["error"]), answer.get("errors", {}))
    return Refused(code, said, {})


def quoted(part: str) -> str:
    """A part of a path, whatever is in it."""
    return quote(part, safe="")


def query_of(**values: object) -> str:
    """A query behind a path, true and false as the platform has them; None is left out of it."""
    asked = urlencode(
        {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in values.items()
            if value is not None
        }
    )
    return f"?{asked}" if asked else ""
