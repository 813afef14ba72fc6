"""The platform's HTTP API for programs: submit, wait, read results, load prices."""

import gzip
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple, overload
from urllib.parse import quote, urlencode
from uuid import uuid4

from backtests.errors import Refused, Unreachable
from backtests.transport import Transport

RUNS_PER_CALL = 2000
PAGE = 2000  # runs in one answer
RUN_POLL_S, BATCH_POLL_S = 0.5, 1.0
LOADING_TIMEOUT_S = 600.0  # checking a million bars took 33 s on a busy machine
DEFAULT_URL = "http://127.0.0.1:5000"
LIVING = ("pending", "running")

Json = dict[str, Any]
RunRequest = Mapping[str, Any]  # the fields of one run, as POST /run_backtest takes them


class Submitted(NamedTuple):
    """A batch as it was recorded: run_ids in the order of the requests, and how many of them are new."""

    batch_id: str
    run_ids: list[str]
    new: int


class Plan(NamedTuple):
    """What a submission would do: new runs, and runs by state that the batch has already.

    on_other_prices: runs of the batch on versions of the prices that are not current any more.
    """

    new: int
    existing: dict[str, int]
    on_other_prices: int


class Client:
    """One platform.

        client = Client("http://127.0.0.1:5000")
        dates = {"start_date": "2005-01-03", "end_date": "2012-12-31"}
        run_id = client.submit({"ticker": "AAPL", "rule_type": "RSI", **dates})
        print(client.wait(run_id)["metrics"]["sharpe_ratio"])

    token: for a platform that asks for one. patience_s: how long to try again while nobody answers; by default 30
    seconds, but 3 at an address that has refused from the start. say: is told why it waits, and how far it is.
    `sleep` and `jitter` are replaced in tests. Every method raises Refused when the request is wrong, and Unreachable
    when there is no answer; calls that were cut off are sent again, and never make a second run.
    """

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

    @overload
    def submit(self, requests: RunRequest, batch_id: str | None = None) -> str: ...
    @overload
    def submit(
        self, requests: Sequence[RunRequest], batch_id: str | None = None, ranking: Mapping[str, str] | None = None
    ) -> Submitted: ...
    def submit(
        self,
        requests: RunRequest | Sequence[RunRequest],
        batch_id: str | None = None,
        ranking: Mapping[str, str] | None = None,
    ) -> str | Submitted:
        """The run_id of one request; of several the batch that they are in. A batch has no request twice.

        ranking: metric, goal and constraint by which the platform ranks the batch from now on, as `batch` takes them.
        """
        if isinstance(requests, Mapping):
            return self._submit_one(requests if batch_id is None else {**requests, "batch_id": batch_id})
        batch_id, run_ids, new = batch_id or str(uuid4()), list[str](), 0
        for start in range(0, len(requests), RUNS_PER_CALL):
            answer = self._bulk(requests, start, batch_id, dry_run="false", **(ranking or {}))
            run_ids += answer["run_ids"]
            new += answer["new"]
            if len(requests) > RUNS_PER_CALL:
                self._say(f"submitted {len(run_ids)} of {len(requests)}")
        return Submitted(batch_id, run_ids, new)

    def _submit_one(self, request: RunRequest) -> str:
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        return str(self._json("/run_backtest", _as_json(request).encode(), headers)["run_id"])

    def plan(self, requests: Sequence[RunRequest], batch_id: str | None = None) -> Plan:
        """What submitting them would do; nothing is recorded. Refused with the faults of all requests."""
        new, existing, others, refusals = 0, Counter[str](), set[int](), list[Refused]()
        for start in range(0, len(requests), RUNS_PER_CALL):
            try:
                answer = self._bulk(requests, start, batch_id or str(uuid4()), dry_run="true")
            except Refused as refused:
                if not refused.errors:  # not about these requests
                    raise
                refusals.append(refused)
                continue
            new += answer["new"]
            existing.update(answer["existing"])
            others.add(answer["on_other_prices"])
        if refusals:
            errors = {place: fault for refused in refusals for place, fault in refused.errors.items()}
            raise Refused(refusals[0].code, "\n".join(each.message for each in refusals), errors)
        return Plan(new, dict(existing), min(others, default=0))  # of the whole batch, whichever runs a call has

    def _bulk(self, requests: Sequence[RunRequest], start: int, batch_id: str, **asked: str) -> Any:
        """Send the requests of one call, which begin at `start`; faults are numbered from 1 over all of them."""
        query = urlencode({"batch_id": batch_id, **asked})
        body = "\n".join(map(_as_json, requests[start : start + RUNS_PER_CALL])).encode()
        try:
            return self._json(f"/api/runs/bulk?{query}", body, {"Content-Type": "application/x-ndjson"})
        except Refused as refused:
            errors = {_shifted(place, start): fault for place, fault in refused.errors.items()}
            raise Refused(refused.code, refused.message, errors) from None

    def status(self, run_id: str) -> Json:
        """State and times of a run, a small answer."""
        return self.get(f"/status/{quote(run_id, safe='')}")

    def run(self, run_id: str) -> Json:
        """Everything about a run: request, metrics, curves, trades, receipt."""
        return self.get(f"/api/runs/{quote(run_id, safe='')}")

    def wait(self, run_id: str, timeout_s: float = inf) -> Json:
        """The run once it has completed or failed, as `run` gives it; TimeoutError when that takes longer."""
        deadline = time.monotonic() + timeout_s
        while (status := self.status(run_id)["status"]) in LIVING:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"run {run_id} is still {status} after {timeout_s:g} s")
            self._sleep(RUN_POLL_S)
        return self.run(run_id)

    def cancel_run(self, run_id: str) -> None:
        """End a waiting or running run; Refused (409) when it has ended."""
        self._json(f"/api/runs/{quote(run_id, safe='')}/cancel", b"")

    def retry_run(self, run_id: str) -> None:
        """Let a failed run wait again; Refused (409) when it has not failed."""
        self._json(f"/api/runs/{quote(run_id, safe='')}/retry", b"")

    def batches(self, limit: int = 25) -> list[Json]:
        """The newest batches, newest first."""
        return list(self.get("/api/batches", limit=limit)["batches"])

    def batch(
        self,
        batch_id: str,
        metric: str | None = None,
        goal: str | None = None,
        top: int = 0,
        constraint: str | None = None,
    ) -> Json:
        """Counts and times of a batch, and its `top` runs; by what is None it is ranked as it was submitted.

        goal: max or min, of another metric than the batch's own what is better for it. constraint: what a run has to
        keep, such as "num_trades >= 5 and max_drawdown_pct < 30"; an empty one for none.
        """
        asked = {"metric": metric, "goal": goal, "constraint": constraint, "top": top}
        return self.get(f"/api/batches/{quote(batch_id, safe='')}", **asked)

    def wait_batch(self, batch_id: str, seen: Callable[[Json], None] = lambda batch: None) -> Json:
        """The batch once all of its runs have ended, as `batch` gives it; `seen` is told of each look at it."""
        while True:
            batch = self.batch(batch_id)
            seen(batch)
            if not any(batch["counts"][state] for state in LIVING):
                return batch
            self._sleep(BATCH_POLL_S)

    def runs(self, batch_id: str) -> Iterator[Json]:
        """All runs of a batch with their metrics, without their curves."""
        after: str | None = ""
        while after is not None:
            page = self.get(f"/api/batches/{quote(batch_id, safe='')}/runs", limit=PAGE, after=after)
            yield from page["runs"]
            after = page["next_after"]

    def cancel(self, batch_id: str) -> int:
        """End all waiting and running runs of a batch; how many there were."""
        return int(self._json(f"/api/batches/{quote(batch_id, safe='')}/cancel", b"")["cancelled"])

    def retry(self, batch_id: str, cancelled: bool = False) -> int:
        """Let the failed runs of a batch wait again, the cancelled ones only if asked for; how many there were."""
        query = f"cancelled={str(cancelled).lower()}"
        return int(self._json(f"/api/batches/{quote(batch_id, safe='')}/retry?{query}", b"")["retried"])

    def plan_study(self, study: RunRequest) -> Json:
        """What a study would cost: runs, parts, and seconds at the pace of the latest batch; nothing is recorded."""
        return self._study(study, "?dry_run=true", {})

    def submit_study(self, study: RunRequest, key: str | None = None) -> Json:
        """Start a study: its study_id, batch_id and page_url; the same key makes no second one."""
        return self._study(study, "", {"Idempotency-Key": key or str(uuid4())})

    def _study(self, study: RunRequest, query: str, headers: Mapping[str, str]) -> Json:
        sent = {"Content-Type": "application/json", **headers}
        answer: Json = self._json(f"/api/studies{query}", _as_json(study).encode(), sent)
        return answer

    def study(self, study_id: str) -> Json:
        """Everything about a study: its plan, its runs by state, what was chosen, and the verdict."""
        return self.get(f"/api/studies/{quote(study_id, safe='')}")

    def wait_study(self, study_id: str, seen: Callable[[Json], None] = lambda study: None) -> Json:
        """The study once it has ended; `seen` is told of each look at it."""
        while (study := self.study(study_id))["completed_at"] is None:
            seen(study)
            self._sleep(BATCH_POLL_S)
        return study

    def cancel_study(self, study_id: str) -> None:
        """End a study without a verdict; Refused (409) when it has ended."""
        self._json(f"/api/studies/{quote(study_id, safe='')}/cancel", b"")

    def rules(self) -> list[Json]:
        """The trading rules: names, parameters with defaults and bounds, conditions, sources."""
        return list(self.get("/api/rules")["rules"])

    def tickers(self) -> list[Json]:
        """The tickers with their timeframes and date ranges."""
        return list(self.get("/api/tickers")["tickers"])

    def metrics(self) -> list[Json]:
        """The metrics of a run: names, units, formulas, and which direction is better."""
        return list(self.get("/api/metrics")["metrics"])

    def load_prices(
        self,
        ticker: str,
        content: bytes,
        timeframe: str = "1d",
        *,
        dry_run: bool = False,
        adjust: bool = True,
        timezone: str | None = None,
        source: str | None = None,
        note: str | None = None,
    ) -> Json:
        """Make a CSV the current version of a ticker's prices; the report on it. dry_run: only report.

        adjust: multiply whole bars by Adj Close / Close where the file has both. timezone: of times without an offset,
        such as America/New_York. Refused names each fault by `line <number>`, or `file`.
        """
        query = _query(
            dry_run=str(dry_run).lower(), adjust=str(adjust).lower(), timezone=timezone, source=source, note=note
        )
        headers, packed = {"Content-Type": "text/csv"}, gzip.compress(content, mtime=0)
        path = _series(ticker, timeframe) + query
        report: Json = self._json(path, packed, headers, method="PUT", timeout_s=LOADING_TIMEOUT_S)
        return report

    def prices(self) -> list[Json]:
        """The current version of every ticker and timeframe."""
        return list(self.get("/api/prices")["series"])

    def price_versions(self, ticker: str, timeframe: str = "1d") -> list[Json]:
        """All versions of a ticker's prices, the latest first, each with its report and the number of its runs."""
        return list(self.get(_series(ticker, timeframe))["versions"])

    def price_csv(self, ticker: str, timeframe: str, data_hash: str) -> bytes:
        """The CSV of a version, whose SHA-256 is its data_hash."""
        return self.read(f"{_series(ticker, timeframe)}/{quote(data_hash, safe='')}.csv")

    def delete_prices(self, ticker: str, timeframe: str, data_hash: str) -> None:
        """Delete a version; Refused (409) while it is current or a run refers to it."""
        self._transport.call(f"{_series(ticker, timeframe)}/{quote(data_hash, safe='')}", method="DELETE")

    def get(self, path: str, **query: object) -> Json:
        """The JSON object of any address of the API; None is left out of the query."""
        found: Json = self._json(path + _query(**query))
        return found

    def read(self, path: str) -> bytes:
        """The bytes of any address, such as a page or a chart."""
        return self._transport.call(path)

    def _json(self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        answer = self._transport.call(path, body, headers, **more)
        try:
            return json.loads(answer)
        except ValueError:
            raise Unreachable(f"{path} does not answer with JSON but {answer[:60]!r}") from None


def _series(ticker: str, timeframe: str) -> str:
    return f"/api/prices/{quote(ticker, safe='')}/{quote(timeframe, safe='')}"


def _query(**values: object) -> str:
    asked = urlencode({name: value for name, value in values.items() if value is not None})
    return f"?{asked}" if asked else ""


def _as_json(request: RunRequest) -> str:
    return json.dumps(request, default=_plain)


def _plain(value: Any) -> Any:
    """What JSON does not know: a number of numpy's as Python's, a date as YYYY-MM-DD."""
    return value.item() if hasattr(value, "item") else str(value)


def _shifted(place: str, start: int) -> str:
    number, dot, field = place.partition(".")
    return f"{int(number) + start}.{field}" if dot and number.isdigit() else place
