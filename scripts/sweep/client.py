"""HTTP to a running platform: patient when it is busy, and clear when it is away."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from scripts.sweep.faults import BadSweep, Unreachable
from scripts.sweep.sweep import PlannedRun

RUNS_PER_CALL = 2000
PAGE = 2000  # runs in one answer
TIMEOUT_S = 60
TRIES = 6  # of a call that nobody answers, over about half a minute
FIRST_PAUSE_S = 1.0
AWAY = (502, 503, 504)  # a proxy, or a server without its database


class Client:
    """One platform. `say` is told about waiting; `sleep` and `jitter` are replaced in tests."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        say: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        if not self.base_url.startswith(("http://", "https://")):
            raise BadSweep([f"url {base_url!r} does not begin with http:// or https://"])
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._say, self._sleep, self._jitter = say, sleep, jitter

    def plan(self, batch_id: str, runs: Sequence[PlannedRun]) -> dict[str, Any]:
        """What a submission would do: {new, existing}; BadSweep with every fault that the server finds."""
        faults: list[str] = []
        new, existing = 0, dict[str, int]()
        for part in _parts(runs):
            try:
                answer = self._bulk(batch_id, part, dry_run=True)
            except BadSweep as error:
                faults += error.faults
                continue
            new += answer["new"]
            for status, count in answer["existing"].items():
                existing[status] = existing.get(status, 0) + count
        if faults:
            raise BadSweep(faults)
        return {"new": new, "existing": existing}

    def submit(self, batch_id: str, runs: Sequence[PlannedRun]) -> Iterator[tuple[int, int]]:
        """(runs sent so far, new among them) after each call; sending the same runs again makes no second run."""
        sent = new = 0
        for part in _parts(runs):
            new += self._bulk(batch_id, part, dry_run=False)["new"]
            sent += len(part)
            yield sent, new

    def _bulk(self, batch_id: str, part: Sequence[PlannedRun], *, dry_run: bool) -> Any:
        query = urlencode({"batch_id": batch_id} | ({"dry_run": "true"} if dry_run else {}))
        body = "\n".join(json.dumps(run.values) for run in part).encode()
        try:
            return self._call(f"/api/runs/bulk?{query}", body, "application/x-ndjson")
        except BadSweep as error:
            raise BadSweep([_placed(fault, part) for fault in error.faults]) from None

    def batch(self, batch_id: str, top: int = 0) -> Any:
        """Counts and times of a batch."""
        return self._call(f"/api/batches/{quote(batch_id, safe='')}?top={top}")

    def runs(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """All runs of a batch."""
        after: str | None = ""
        while after is not None:
            query = urlencode({"limit": PAGE, "after": after})
            page = self._call(f"/api/batches/{quote(batch_id, safe='')}/runs?{query}")
            yield from page["runs"]
            after = page["next_after"]

    def change(self, batch_id: str, action: str, **query: str) -> Any:
        """Cancel or retry a batch."""
        return self._call(f"/api/batches/{quote(batch_id, safe='')}/{action}?{urlencode(query)}", b"")

    def run(self, run_id: str) -> Any:
        """State and times of one run."""
        return self._call(f"/status/{quote(run_id, safe='')}")

    def text(self, path: str) -> str:
        """Any answer as text, such as /metrics."""
        return str(self._call(path, as_text=True))

    def _call(self, path: str, body: bytes | None = None, content_type: str = "", *, as_text: bool = False) -> Any:
        """The answer; waits as long as the server says it is full, and tries again while nobody answers."""
        headers = self._headers | ({"Content-Type": content_type} if content_type else {})
        request = Request(self.base_url + path, body, headers)
        failures = 0
        while True:
            try:
                with urlopen(request, timeout=TIMEOUT_S) as answer:
                    text = answer.read().decode()
                    return text if as_text else json.loads(text)
            except HTTPError as error:
                failures += error.code != 429
                self._wait_or_raise(error, failures)
            except (URLError, OSError, HTTPException, ValueError) as error:  # an answer cut off in the middle, too
                failures += 1
                self._wait(failures, str(getattr(error, "reason", error)))

    def _wait_or_raise(self, error: HTTPError, failures: int) -> None:
        with error:
            said = error.read().decode(errors="replace")
        if error.code == 429:
            pause_s = _seconds(error.headers.get("Retry-After")) * (1 + self._jitter() / 2)
            self._say(f"the queue is full; trying again in {pause_s:.0f} s")
            self._sleep(pause_s)
        elif error.code in AWAY:
            self._wait(failures, f"HTTP {error.code}")
        elif error.code >= 500:
            raise Unreachable(f"{self.base_url} answers HTTP {error.code}: {said[:200]}")
        else:
            raise BadSweep(_faults(error.code, said))

    def _wait(self, failures: int, reason: str) -> None:
        if failures >= TRIES:
            raise Unreachable(f"{self.base_url} cannot be reached: {reason}")
        pause_s = FIRST_PAUSE_S * 2 ** (failures - 1) * (0.5 + self._jitter())
        self._say(f"{self.base_url} cannot be reached ({reason}); trying again in {pause_s:.0f} s")
        self._sleep(pause_s)


def _parts(runs: Sequence[PlannedRun]) -> Iterator[Sequence[PlannedRun]]:
    for start in range(0, len(runs), RUNS_PER_CALL):
        yield runs[start : start + RUNS_PER_CALL]


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdigit() else 30.0


def _faults(code: int, said: str) -> list[str]:
    """What the server says is wrong, a line for each field."""
    try:
        answer = json.loads(said)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    fields = [f"{field}: {message}" for field, message in answer.get("errors", {}).items()]
    if "are listed" in str(answer.get("error")):
        fields.append(str(answer["error"]))
    return fields or [f"HTTP {code}: {answer.get('error', said[:200])}"]


def _placed(fault: str, part: Sequence[PlannedRun]) -> str:
    """The server's `3.ticker: …` with the place of the third run that was sent."""
    number, dot, rest = fault.partition(".")
    known = dot and number.isdigit() and 0 < int(number) <= len(part)
    return f"{part[int(number) - 1].place}: {rest}" if known else fault
