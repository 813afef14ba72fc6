"""The platform's HTTP API for programs: submit, wait, read results, load prices."""

import gzip
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple, overload
from uuid import uuid4

from backtests.transport import DEFAULT_URL as DEFAULT_URL
from backtests.transport import (
    LONG_TIMEOUT_S,
    Json,
    Refused,
    RunRequest,
    Seen,
    Transport,
    as_json,
    query_of,
    quoted,
)

PAGE = 2000  # runs in one answer
RUN_POLL_S = 0.5
RUNS_PER_CALL = 2000
BATCH_POLL_S, FIRST_LOOK_S = 1.0, 0.1
LIVING = ("pending", "running")


class Submitted(NamedTuple):
    """A recorded batch: run_ids in the order of the requests, and how many of them are new."""

    batch_id: str
    run_ids: list[str]
    new: int


class Plan(NamedTuple):
    """Effect of a submission: the number of new runs, and of the batch's existing runs by state.

    on_other_prices: runs of the batch on versions of the prices that are no longer current.
    """

    new: int
    existing: dict[str, int]
    on_other_prices: int


class Client(Transport):
    """One platform.

        client = Client("http://127.0.0.1:5000")
        dates = {"start_date": "2005-01-03", "end_date": "2012-12-31"}
        run_id = client.submit({"ticker": "AAPL", "rule_type": "RSI", **dates})
        print(client.wait(run_id)["metrics"]["sharpe_ratio"])

    token: for a platform that requires one. patience_s: how long to retry without an answer; by default 30 seconds, but
    3 at an address that never answered. say: called with messages on waiting and progress. `sleep` and `jitter` are
    replaced in tests. Every method raises Refused when the request is wrong, and Unreachable when there is no answer;
    interrupted calls are sent again, and never make a second run.
    """

    @overload
    def submit(self, requests: RunRequest, batch_id: str | None = None) -> str: ...
    @overload
    def submit(
        self,
        requests: Sequence[RunRequest],
        batch_id: str | None = None,
        ranking: Mapping[str, str] | None = None,
    ) -> Submitted: ...
    def submit(
        self,
        requests: RunRequest | Sequence[RunRequest],
        batch_id: str | None = None,
        ranking: Mapping[str, str] | None = None,
    ) -> str | Submitted:
        """Submit one request and return its run_id, or several and return their batch. A batch has no request twice.

        ranking: metric, goal and constraint by which the platform ranks the batch from now on, as `batch` takes them.
        """
        if isinstance(requests, Mapping):
            request = requests if batch_id is None else {**requests, "batch_id": batch_id}
            return str(self._post("/run_backtest", request)["run_id"])
        batch_id, run_ids, new = batch_id or str(uuid4()), list[str](), 0
        for start in range(0, len(requests), RUNS_PER_CALL):
            answer = self._send(requests, start, batch_id, **(ranking or {}))
            run_ids += answer["run_ids"]
            new += answer["new"]
            if len(requests) > RUNS_PER_CALL:
                self._say(f"submitted {len(run_ids)} of {len(requests)}")
        return Submitted(batch_id, run_ids, new)

    def plan(self, requests: Sequence[RunRequest], batch_id: str | None = None) -> Plan:
        """Return the effect of submitting the requests; nothing is recorded. Refused with the faults of all of them."""
        answers, refusals, batch_id = list[Json](), list[Refused](), batch_id or str(uuid4())
        for start in range(0, len(requests), RUNS_PER_CALL):
            try:
                answers.append(self._send(requests, start, batch_id, dry_run=True))
            except Refused as refused:
                if not refused.errors:  # not about these requests
                    raise
                refusals.append(refused)
        if refusals:
            raise _merged(refusals)
        existing = sum((Counter(each["existing"]) for each in answers), Counter[str]())
        # counted over the whole batch by every call
        others = min((each["on_other_prices"] for each in answers), default=0)
        return Plan(sum(each["new"] for each in answers), dict(existing), others)

    def screen(self, sweep: RunRequest, top: int = 10, seen: Seen = lambda screen: None) -> Json:
        """Try a sweep in one Job for each ticker, wait, and return it with its `top` rows in `leaderboard`.

        A row has params and metrics but no receipt; `run_screened` makes a run of it. `seen` is called at each poll.
        """
        started = self._post("/api/screens", sweep, timeout_s=LONG_TIMEOUT_S)
        return self._ended(f"/api/screens/{started['screen_id']}", seen, top=top)

    def _ended(self, path: str, seen: Seen, **query: object) -> Json:
        """Wait for the end of a Job and return it."""
        pause_s = FIRST_LOOK_S
        while (job := self.get(path, **query))["status"] in LIVING:
            seen(job)
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, BATCH_POLL_S)
        return job

    def run_screened(self, screen_id: str, row: Json) -> str:
        """Run a row of a screen's leaderboard, with charts and receipt; return the run_id."""
        path = f"/api/screens/{quoted(screen_id)}/run"
        return str(self._post(path, number=row["number"], ticker=row["ticker"])["run_id"])

    def run_best_screened(self, screen_id: str, best: int | None = None) -> Json:
        """Run the best rows of a screen, or all, as one batch: its batch_id, run_ids, new."""
        return self._post(f"/api/screens/{quoted(screen_id)}/batch", best=best)

    def plan_study(self, study: RunRequest) -> Json:
        """Return the cost of a study: runs, parts, and seconds at the pace of the latest batch; nothing is recorded."""
        return self._post(path_of("study", study), study, dry_run=True)

    def submit_study(self, study: RunRequest, key: str | None = None) -> Json:
        """Start a study; return study_id, batch_id and page_url. The same key starts no second one."""
        return self._post(path_of("study", study), study, key)

    def study(self, study_id: str) -> Json:
        """Return everything about a study: its plan, its runs by state, the chosen combinations, and the verdict."""
        return self.get(f"/api/studies/{quoted(study_id)}")

    def wait_study(self, study_id: str, seen: Seen = lambda study: None) -> Json:
        """Wait for the end of a study and return it; `seen` is called at each poll."""
        while (study := self.study(study_id))["completed_at"] is None:
            seen(study)
            self._sleep(BATCH_POLL_S)
        return study

    def cancel_study(self, study_id: str) -> None:
        """End a study without a verdict; Refused (409) when it has ended."""
        self._post(f"/api/studies/{quoted(study_id)}/cancel")

    def submit_portfolio(self, portfolio: RunRequest, key: str | None = None) -> Json:
        """Start a portfolio; return portfolio_id, legs and page_url. The same key starts no second one.

        portfolio: legs and shared fields, a batch_id whose runs are the legs, or a sweep with a section portfolio.
        """
        return self._post("/api/portfolios", portfolio, key, timeout_s=LONG_TIMEOUT_S)

    def portfolio(self, portfolio_id: str) -> Json:
        """Return everything about a portfolio: its legs with runs and contributions, metrics, equity, trades."""
        return self.get(f"/api/portfolios/{quoted(portfolio_id)}")

    def portfolio_ranks(self, portfolio_id: str, at: str | None = None) -> Json:
        """Return the rebalancings of a ranked portfolio, and the ranks at the last one up to a day, YYYY-MM-DD."""
        return self.get(f"/api/portfolios/{quoted(portfolio_id)}/ranks", at=at)

    def wait_portfolio(self, portfolio_id: str, seen: Seen = lambda portfolio: None) -> Json:
        """Wait for the end of a portfolio and return it; `seen` is called at each poll."""
        while (portfolio := self.portfolio(portfolio_id))["status"] in LIVING:
            seen(portfolio)
            self._sleep(BATCH_POLL_S)
        return portfolio

    def cancel_portfolio(self, portfolio_id: str) -> None:
        """End a portfolio and the runs that were started for it; Refused (409) when it has ended."""
        self._post(f"/api/portfolios/{quoted(portfolio_id)}/cancel")

    def _send(
        self, requests: Sequence[RunRequest], start: int, batch_id: str, **query: object
    ) -> Json:
        """Send the requests of one call, from `start` on; faults are numbered from 1 over all requests."""
        path = "/api/runs/bulk" + query_of(batch_id=batch_id, **query)
        body = "\n".join(map(as_json, requests[start : start + RUNS_PER_CALL])).encode()
        try:
            return self._json(path, body, {"Content-Type": "application/x-ndjson"})
        except Refused as refused:
            errors = {
                re.sub(r"^\d+(?=\.)", lambda number: str(int(number[0]) + start), place): fault
                for place, fault in refused.errors.items()
            }
            raise Refused(refused.code, refused.message, errors) from None

    def plan_sweep(self, sweep: RunRequest, batch_id: str | None = None) -> Json:
        """Return the effect of submitting a sweep (the JSON of a sweep file): batch_id, runs, new; records nothing."""
        return self._post(
            path_of("batch", sweep),
            sweep,
            timeout_s=LONG_TIMEOUT_S,
            batch_id=batch_id,
            dry_run=True,
        )

    def submit_sweep(self, sweep: RunRequest, batch_id: str | None = None) -> Json:
        """Record the runs of a sweep that its batch does not have yet; return batch_id, run_ids, new.

        With a section portfolio of mode ranked each combination of its fields is a portfolio.
        """
        return self._post(
            path_of("batch", sweep), sweep, timeout_s=LONG_TIMEOUT_S, batch_id=batch_id
        )

    def status(self, run_id: str) -> Json:
        """Return the state and times of a run, a small answer."""
        return self.get(f"/status/{quoted(run_id)}")

    def run(self, run_id: str) -> Json:
        """Return everything about a run: request, metrics, curves, trades, receipt."""
        return self.get(f"/api/runs/{quoted(run_id)}")

    def wait(self, run_id: str, timeout_s: float = inf) -> Json:
        """Wait until a run has completed or failed and return it, as `run` does; TimeoutError if it takes longer."""
        deadline = time.monotonic() + timeout_s
        while (status := self.status(run_id)["status"]) in LIVING:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"run {run_id} is still {status} after {timeout_s:g} s")
            self._sleep(RUN_POLL_S)
        return self.run(run_id)

    def robustness(self, run_id: str, seen: Seen = lambda robustness: None) -> Json:
        """Vary costs, timing, numbers and luck of a completed run or portfolio in one Job; wait, and return it."""
        started = self._post(f"/api/runs/{quoted(run_id)}/robustness")
        return self._ended(f"/api/robustness/{started['robustness_id']}", seen)

    def cancel_run(self, run_id: str) -> None:
        """End a waiting or running run; Refused (409) when it has ended."""
        self._post(f"/api/runs/{quoted(run_id)}/cancel")

    def retry_run(self, run_id: str) -> None:
        """Queue a failed run again; Refused (409) when it has not failed."""
        self._post(f"/api/runs/{quoted(run_id)}/retry")

    def cancel_runs(self, run_ids: Sequence[str]) -> Json:
        """End those of at most 200 runs that wait or run; return how many `changed` and were `left`, by state."""
        return self._post("/api/runs/cancel", {"run_ids": list(run_ids)})

    def retry_runs(self, run_ids: Sequence[str]) -> Json:
        """Queue those of at most 200 runs again that failed or were cancelled; answer as for `cancel_runs`."""
        return self._post("/api/runs/retry", {"run_ids": list(run_ids)})

    def batches(self, limit: int = 25) -> list[Json]:
        """Return the newest batches, newest first."""
        return list(self.get("/api/batches", limit=limit)["batches"])

    def batch(
        self,
        batch_id: str,
        metric: str | None = None,
        goal: str | None = None,
        top: int = 0,
        constraint: str | None = None,
    ) -> Json:
        """Return counts and times of a batch, and its `top` runs; None ranks them as the batch was submitted.

        goal: max or min; for another metric than the batch's by default the better direction. constraint: a condition
        on runs, such as "num_trades >= 5 and max_drawdown_pct < 30"; an empty one for none.
        """
        return self.get(
            f"/api/batches/{quoted(batch_id)}",
            metric=metric,
            goal=goal,
            constraint=constraint,
            top=top,
        )

    def wait_batch(self, batch_id: str, seen: Seen = lambda batch: None) -> Json:
        """Wait until all runs of a batch have ended and return it, as `batch` does; `seen` is called at each poll."""
        while True:
            batch = self.batch(batch_id)
            seen(batch)
            if not any(batch["counts"][state] for state in LIVING):
                return batch
            self._sleep(BATCH_POLL_S)

    def runs(self, batch_id: str) -> Iterator[Json]:
        """Yield all runs of a batch with their metrics, without their curves."""
        after: str | None = ""
        while after is not None:
            page = self.get(f"/api/batches/{quoted(batch_id)}/runs", limit=PAGE, after=after)
            yield from page["runs"]
            after = page["next_after"]

    def cancel(self, batch_id: str) -> int:
        """End all waiting and running runs of a batch; return their number."""
        return int(self._post(f"/api/batches/{quoted(batch_id)}/cancel")["cancelled"])

    def retry(self, batch_id: str, cancelled: bool = False) -> int:
        """Queue the failed runs of a batch again, with `cancelled` also the cancelled ones; return their number."""
        path = f"/api/batches/{quoted(batch_id)}/retry"
        return int(self._post(path, cancelled=cancelled)["retried"])

    def rules(self) -> list[Json]:
        """Return the trading rules: names, parameters with defaults and bounds, conditions, sources."""
        return list(self.get("/api/rules")["rules"])

    def tickers(self) -> list[Json]:
        """Return the tickers with their timeframes and date ranges."""
        return list(self.get("/api/tickers")["tickers"])

    def metrics(self) -> list[Json]:
        """Return the metrics of a run: names, units, formulas, and which direction is better."""
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
        keep_dates: bool = False,
        bad_rows: str = "refuse",
        source: str | None = None,
        note: str | None = None,
        reserve_years: int | None = None,
    ) -> Json:
        """Make a price file, plain or packed, the current version of a series; return a report. dry_run: only report.

        adjust: multiply whole bars by Adj Close / Close where the file has both. timezone: of times without an offset,
        such as America/New_York, or that of the exchange for daily bars with a time of day. keep_dates: date daily bars
        as written, also where their session is on another day. bad_rows: for rows whose High or Low contradicts their
        other prices, "refuse" the file, "widen" High and Low to Open and Close, or "drop" the rows. reserve_years: keep
        the last years of the file, and all later bars of the ticker, in the vault, see `reserve`.
        Refused names each fault by `line <number>`, or `file`.
        """
        query = query_of(
            dry_run=dry_run,
            adjust=adjust,
            timezone=timezone,
            keep_dates=keep_dates
            or None,  # do not send defaults, which an older platform rejects
            bad_rows=None if bad_rows == "refuse" else bad_rows,
            source=source,
            note=note,
            reserve_years=reserve_years,
        )
        path = f"/api/prices/{quoted(ticker)}/{quoted(timeframe)}" + query
        packed = content if content.startswith(b"\x1f\x8b") else gzip.compress(content, mtime=0)
        return self._json(path, packed, {"Content-Type": "text/csv"}, "PUT", LONG_TIMEOUT_S)

    def prices(self) -> list[Json]:
        """Return the current version of every ticker and timeframe."""
        return list(self.get("/api/prices")["series"])

    def price_versions(self, ticker: str, timeframe: str = "1d") -> list[Json]:
        """Return all versions of a ticker's prices, the latest first, each with its report and its number of runs."""
        return list(self.get(f"/api/prices/{quoted(ticker)}/{quoted(timeframe)}")["versions"])

    def price_csv(self, ticker: str, timeframe: str, data_hash: str) -> bytes:
        """Return the CSV of a version, whose SHA-256 is its data_hash."""
        return self.read(
            f"/api/prices/{quoted(ticker)}/{quoted(timeframe)}/{quoted(data_hash)}.csv"
        )

    def delete_prices(self, ticker: str, timeframe: str, data_hash: str) -> None:
        """Delete a version; Refused (409) while it is current or a run refers to it."""
        self._call(
            f"/api/prices/{quoted(ticker)}/{quoted(timeframe)}/{quoted(data_hash)}",
            method="DELETE",
        )

    def vaults(self) -> Json:
        """Return the tickers whose prices have a reserved end, and all openings of vaults."""
        return self.get("/api/vaults")

    def reserve(self, ticker: str, from_date: str, *, dry_run: bool = False) -> Json:
        """Reserve a ticker's prices from a day on, in all timeframes; for admins. dry_run: only count.

        For everybody the series ends before that day. deleted: the number of runs and plans that had read later bars,
        whose equity, trades, signals and charts are deleted.
        """
        path = f"/api/vaults/{quoted(ticker)}" + query_of(dry_run=dry_run)
        body = as_json({"from_date": from_date}).encode()
        headers = {"Content-Type": "application/json"}
        return self._json(path, body, headers, "PUT", LONG_TIMEOUT_S)

    def release(self, ticker: str) -> None:
        """Release the reserved prices of a ticker for everybody; for admins."""
        self._call(f"/api/vaults/{quoted(ticker)}", method="DELETE")

    def open_vault(self, run_id: str) -> Json:
        """Open the vault for the request of a run, once, and return the study that judges it; for admins."""
        return self._post(f"/api/runs/{quoted(run_id)}/vault")


def _merged(refusals: Sequence[Refused]) -> Refused:
    """Merge the refusals of several calls."""
    faults = {place: fault for each in refusals for place, fault in each.errors.items()}
    return Refused(refusals[0].code, "\n".join(each.message for each in refusals), faults)


def path_of(plan: str, sweep: RunRequest) -> str:
    """Return the path that a batch or a study is sent to: of runs, or of ranked portfolios."""
    section = sweep.get("portfolio")
    if isinstance(section, Mapping) and section.get("mode") == "ranked":
        return f"/api/portfolios/{plan}"
    return {"batch": "/api/batches", "study": "/api/studies"}[plan]
