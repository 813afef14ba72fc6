"""HTTP to one platform: waits while it is busy or restarts, but fails fast when nothing listens at the address."""

import inspect
import json
import random
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from socket import gaierror
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, Request, build_opener
from uuid import uuid4

DEFAULT_URL = "http://127.0.0.1:5000"
TIMEOUT_S = 60.0  # of one call
LONG_TIMEOUT_S = 600.0  # checking a million bars took 33 s on a busy machine
PATIENCE_S = 30.0  # total of pauses while a platform that has answered before does not answer
# the same where nothing has answered yet: a wrong address is more likely than a restart
FIRST_PATIENCE_S = 3.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 5.0
# a longer Retry-After is that of a spent budget
LONGEST_FULL_S = 600.0
FULL_PAUSE_S = 30.0  # when a full queue is reported without Retry-After
AWAY = (502, 503, 504)  # the platform behind a proxy, or its database, is down

Json = dict[str, Any]
Seen = Callable[[Json], None]  # called with the answer of each poll
RunRequest = Mapping[str, Any]  # the fields of one run, as POST /run_backtest takes them


class BacktestsError(Exception):
    """Base of all errors of this package."""


class BadInput(BacktestsError):
    """The input is wrong, and nothing was sent; `faults` has one line for each fault."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class Refused(BacktestsError):
    """The platform refused the request.

    code: the HTTP status, 400 to 499. message: the platform's sentence. errors: its faults by field, of many runs by
    `<number of the run, from 1>.<field>`; empty when it names no field.
    """

    def __init__(self, code: int, message: str, errors: Mapping[str, str]) -> None:
        super().__init__(
            "\n".join(f"{field}: {fault}" for field, fault in errors.items()) or message
        )
        self.code, self.message, self.errors = code, message, dict(errors)


class Unreachable(BacktestsError):
    """The address does not answer, or not as the platform does, or only with an internal error (HTTP 5xx)."""


class Transport:
    """Connection to the platform at `url`. patience_s: replaces both PATIENCE_S and FIRST_PATIENCE_S."""

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
        """Get the JSON object of any address of the API; None is left out of the query."""
        return self._json(path + query_of(**query))

    def read(self, path: str) -> bytes:
        """Read the bytes of any address, such as a page or a chart."""
        return self._call(path)

    def post(
        self,
        path: str,
        request: RunRequest | None = None,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        **query: object,
    ) -> Json:
        """Post to any address of the API and return the answer; a repetition with the same key has no effect.

        key: by default a new one.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid4())}
        body = b"" if request is None else as_json(request).encode()
        return self._json(path + query_of(**query), body, headers, timeout_s=timeout_s)

    def _json(self, path: str, *arguments: Any, **options: Any) -> Json:
        """Call and return the JSON of the answer; Unreachable when it is not JSON, so not the platform's."""
        body = self._call(path, *arguments, **options)
        try:
            answer: Json = json.loads(body)
        except ValueError:
            raise Unreachable(f"{path} answers with {body[:60]!r}, not with JSON") from None
        return answer

    def _call(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> bytes:
        """Return the body of a 2xx answer; wait for a full queue without limit, otherwise retry while patience lasts.

        method: by default GET, or POST with a body. timeout_s: without any data.
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
            except (OSError, HTTPException) as error:  # also an answer that was cut off
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
        """Send a request once; OSError or HTTPException when the platform does not answer this time."""
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
            full = _Full(headers.get("Retry-After", ""))
            if full.seconds <= LONGEST_FULL_S:
                raise full
        answer_text = (
            f"HTTP {code}: {headers.get('Location', body[:200].decode(errors='replace'))}"
        )
        if code in AWAY:
            raise ConnectionError(answer_text)
        if code < 400 or code >= 500:
            raise Unreachable(f"{request.full_url} answers {answer_text}")
        raise _refused(code, body, answer_text)


class _Full(Exception):
    """The queue is full; try again after some seconds."""

    def __init__(self, retry_after: str) -> None:
        self.seconds = float(retry_after) if retry_after.isdigit() else FULL_PAUSE_S


class _Connection(HTTPConnection):
    """Connection that reads the answer even when its request was not read to the end, as a 413 for a large body."""

    def send(self, data: Any) -> None:
        # without an answer, reading it raises
        with suppress(BrokenPipeError, ConnectionResetError):
            super().send(data)


class _Handler(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Redirects(HTTPRedirectHandler):
    """Redirects of GET requests on the same host only: urllib turns POST into GET, and sends the token to any host."""

    def redirect_request(self, req: Request, *answer: Any) -> Request | None:
        is_safe = req.get_method() == "GET" and urlsplit(answer[-1]).netloc == req.host
        return super().redirect_request(req, *answer) if is_safe else None


def as_json(value: Any) -> str:
    """Format a request as JSON.

    Numbers of numpy become Python's, dates YYYY-MM-DD, a Path the text of its file, and a function its source.
    """
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return read_code(value)
    if inspect.isfunction(value):
        return source_of(value)
    return value.item() if hasattr(value, "item") else str(value)


def read_code(path: Path) -> str:
    """Read a file of code; BadInput when there is none, or it is not text."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8 text") from None


def source_of(function: Callable[..., Any]) -> str:
    """Return the source of a function, which must import in itself what it uses; BadInput where it has none."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise BadInput(f"{function.__name__}: its source is not available; use a file") from None


def _refused(code: int, body: bytes, answer_text: str) -> Refused:
    """Return the platform's refusal; `answer_text` if the answer is not JSON, such as a proxy's page."""
    with suppress(ValueError, TypeError, KeyError):
        answer = json.loads(body)
        return Refused(code, str(answer["error"]), answer.get("errors", {}))
    return Refused(code, answer_text, {})


def quoted(part: str) -> str:
    """Quote a part of a path."""
    return quote(part, safe="")


def query_of(**values: object) -> str:
    """Format a query string, with true and false as the platform reads them; None is left out."""
    query = urlencode(
        {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in values.items()
            if value is not None
        }
    )
    return f"?{query}" if query else ""
