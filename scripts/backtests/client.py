"""The platform's HTTP API for programs: submit, wait, read results, load prices."""

import gzip
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload
from uuid import uuid4

from backtests.following import Following, has_ended
from backtests.results import Answer, Batch, Portfolio, Run, Screen, runs_of
from backtests.transport import DEFAULT_URL as DEFAULT_URL
from backtests.transport import (
    LONG_TIMEOUT_S,
    BadInput,
    Json,
    Refused,
    RunRequest,
    Seen,
    Transport,
    as_json,
    query_of,
    quoted,
)

if TYPE_CHECKING:
    import pandas as pd

RUNS_PER_CALL = 2000
# by what can be followed
PATHS = {
    "run": "/status/",
    "batch": "/api/batches/",
    "screen": "/api/screens/",
    "study": "/api/studies/",
    "portfolio": "/api/portfolios/",
    "robustness": "/api/robustness/",
}
FORMS = {
    **dict.fromkeys(PATHS, Answer),
    "batch": Batch,
    "screen": Screen,
    "portfolio": Portfolio,
}
Form = TypeVar("Form", bound=Answer)


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
            return str(self.post("/run_backtest", request)["run_id"])
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

    def screen(
        self, sweep: RunRequest, top: int = 10, seen: Seen = lambda screen: None
    ) -> Screen:
        """Try a sweep in one Job for each ticker, wait, and return it with its `top` rows in `leaderboard`.

        A row has params and metrics but no receipt; `run_screened` makes a run of it. `seen` is called at each poll.
        """
        started = self.post("/api/screens", sweep, timeout_s=LONG_TIMEOUT_S)
        return self._follow(Screen, "screen", started["screen_id"], top=top).end(seen)

    def follow(self, kind: str, name: str, bar: bool = False, **query: object) -> Following[Any]:
        """Return the states of a run, batch, screen, study, portfolio or robustness, by its id, until it has ended.

            for state in client.follow("study", study_id, bar=True):  # or: async for
                print(state["counts"])

        A loop reads and waits. bar: show a progress bar, if tqdm is installed. query: of its address.
        """
        return self._follow(FORMS[kind], kind, name, bar, **query)

    def _follow(
        self, form: type[Form], kind: str, name: str, bar: bool = False, **query: object
    ) -> Following[Form]:
        path = PATHS[kind] + quoted(name)
        return Following(lambda: form(self, self.get(path, **query)), kind, bar, self._sleep)

    def run_screened(self, screen_id: str, row: Json) -> str:
        """Run a row of a screen's leaderboard, with charts and receipt; return the run_id."""
        path = f"/api/screens/{quoted(screen_id)}/run"
        return str(self.post(path, number=row["number"], ticker=row["ticker"])["run_id"])

    def run_best_screened(self, screen_id: str, best: int | None = None) -> Json:
        """Run the best rows of a screen, or all, as one batch: its batch_id, run_ids, new."""
        return self.post(f"/api/screens/{quoted(screen_id)}/batch", best=best)

    def plan_study(self, study: RunRequest) -> Json:
        """Return the cost of a study: runs, parts, and seconds at the pace of the latest batch; nothing is recorded."""
        return self.post(path_of("study", study), study, dry_run=True)

    def submit_study(self, study: RunRequest, key: str | None = None) -> Json:
        """Start a study; return study_id, batch_id and page_url. The same key starts no second one."""
        return self.post(path_of("study", study), study, key)

    def study(self, study_id: str) -> Json:
        """Return everything about a study: its plan, its runs by state, the chosen combinations, and the verdict."""
        return self.get(f"/api/studies/{quoted(study_id)}")

    def wait_study(self, study_id: str, seen: Seen = lambda study: None) -> Json:
        """Wait for the end of a study and return it; `seen` is called at each poll."""
        return self._follow(Answer, "study", study_id).end(seen)

    def cancel_study(self, study_id: str) -> None:
        """End a study without a verdict; Refused (409) when it has ended."""
        self.post(f"/api/studies/{quoted(study_id)}/cancel")

    def submit_portfolio(self, portfolio: RunRequest, key: str | None = None) -> Json:
        """Start a portfolio; return portfolio_id, legs and page_url. The same key starts no second one.

        portfolio: legs and shared fields, a batch_id whose runs are the legs, or a sweep with a section portfolio.
        """
        return self.post("/api/portfolios", portfolio, key, timeout_s=LONG_TIMEOUT_S)

    def portfolio(self, portfolio_id: str) -> Portfolio:
        """Return everything about a portfolio: its legs with runs and contributions, metrics, equity, trades."""
        return Portfolio(self, self.get(f"/api/portfolios/{quoted(portfolio_id)}"))

    def portfolio_ranks(self, portfolio_id: str, at: str | None = None) -> Json:
        """Return the rebalancings of a ranked portfolio, and the ranks at the last one up to a day, YYYY-MM-DD."""
        return self.get(f"/api/portfolios/{quoted(portfolio_id)}/ranks", at=at)

    def wait_portfolio(self, portfolio_id: str, seen: Seen = lambda portfolio: None) -> Portfolio:
        """Wait for the end of a portfolio and return it; `seen` is called at each poll."""
        return self._follow(Portfolio, "portfolio", portfolio_id).end(seen)

    def cancel_portfolio(self, portfolio_id: str) -> None:
        """End a portfolio and the runs that were started for it; Refused (409) when it has ended."""
        self.post(f"/api/portfolios/{quoted(portfolio_id)}/cancel")

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
        return self.post(
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
        return self.post(
            path_of("batch", sweep), sweep, timeout_s=LONG_TIMEOUT_S, batch_id=batch_id
        )

    def status(self, run_id: str) -> Json:
        """Return the state and times of a run, a small answer."""
        return self.get(f"/status/{quoted(run_id)}")

    def run(self, run_id: str) -> Run:
        """Return everything about a run: request, metrics, curves, trades, receipt."""
        return Run(self, self.get(f"/api/runs/{quoted(run_id)}"))

    def receipt(self, run_id: str, prices: str | None = None) -> bytes:
        """Return the receipt of a run or portfolio, a ZIP archive. prices: "hash" leaves out all but their hashes."""
        return self.read(f"/api/runs/{quoted(run_id)}/receipt.zip" + query_of(prices=prices))

    def log(self, run_id: str) -> str:
        """Return the log of a run's Jobs, the last 64 KB of each attempt."""
        return self.read(f"/api/runs/{quoted(run_id)}/log").decode()

    def wait(self, run_id: str, timeout_s: float = inf) -> Run:
        """Wait until a run has completed or failed and return it, as `run` does; TimeoutError if it takes longer."""
        deadline = time.monotonic() + timeout_s
        for state in self.follow("run", run_id):
            if not has_ended(state) and time.monotonic() >= deadline:
                message = f"run {run_id} is still {state['status']} after {timeout_s:g} s"
                raise TimeoutError(message)
        return self.run(run_id)

    def backtest(
        self,
        frame: "pd.DataFrame",
        buy: Any,
        sell: str | None = None,
        *,
        ticker: str | None = None,
        timeframe: str = "1d",
        inputs: RunRequest | None = None,
        **fields: object,
    ) -> Run:
        """Load a DataFrame as prices, run a formula on them, wait and return the run.

            run = client.backtest(frame, "close > sma(close, days)", inputs={"days": 50}, fee_rate=0)

        frame: open, high, low, close and perhaps volume as columns, times as the index. buy, sell: conditions; without
        `sell` it sells when `buy` no longer holds. buy may be a strategy in Python: a function, or a Path to a file.
        ticker: by default one that follows from the frame, so no other series is changed. fields: others of a run;
        the dates are the frame's. Loading prices needs the scope admin.
        """
        content = frame.to_csv(index_label="Date").encode()
        ticker = ticker or f"FRAME-{sha256(content).hexdigest()[:8].upper()}"
        report = self.load_prices(ticker, content, timeframe, source="DataFrame")
        request = {
            "ticker": ticker,
            "timeframe": timeframe,
            "data_hash": report["data_hash"],
            "start_date": report["first_bar"][:10],
            "end_date": report["last_bar"][:10],
            **_rule(buy, sell, inputs),
            **fields,
        }
        return self.wait(self.submit(request))

    def robustness(self, run_id: str, seen: Seen = lambda robustness: None) -> Json:
        """Vary costs, timing, numbers and luck of a completed run or portfolio in one Job; wait, and return it."""
        started = self.post(f"/api/runs/{quoted(run_id)}/robustness")
        return self._follow(Answer, "robustness", started["robustness_id"]).end(seen)

    def cancel_run(self, run_id: str) -> None:
        """End a waiting or running run; Refused (409) when it has ended."""
        self.post(f"/api/runs/{quoted(run_id)}/cancel")

    def retry_run(self, run_id: str) -> None:
        """Queue a failed run again; Refused (409) when it has not failed."""
        self.post(f"/api/runs/{quoted(run_id)}/retry")

    def cancel_runs(self, run_ids: Sequence[str]) -> Json:
        """End those of at most 200 runs that wait or run; return how many `changed` and were `left`, by state."""
        return self.post("/api/runs/cancel", {"run_ids": list(run_ids)})

    def retry_runs(self, run_ids: Sequence[str]) -> Json:
        """Queue those of at most 200 runs again that failed or were cancelled; answer as for `cancel_runs`."""
        return self.post("/api/runs/retry", {"run_ids": list(run_ids)})

    def delete_runs(self, run_ids: Sequence[str], *, dry_run: bool = False) -> Json:
        """Delete at most 200 runs that have ended, all or none; Refused (409) names what needs them.

        dry_run: only count. Returns counts by kind (`deleted`) and, of a dry run, what needs them (`refusals`).
        """
        return self.post("/api/runs/delete", {"run_ids": list(run_ids)}, dry_run=dry_run)

    def delete_plan(self, kind: str, plan_id: str, *, dry_run: bool = False) -> Json:
        """Delete a batch, screen, study or portfolio (`kind`) with its runs; answer as for `delete_runs`."""
        plural = {"batch": "batches", "study": "studies"}.get(kind, f"{kind}s")
        return self._delete(f"/api/{plural}/{quoted(plan_id)}", dry_run)

    def delete_series(self, ticker: str, timeframe: str = "1d", *, dry_run: bool = False) -> Json:
        """Delete all versions of a ticker's prices, for admins; answer as for `delete_runs`."""
        return self._delete(f"/api/prices/{quoted(ticker)}/{quoted(timeframe)}", dry_run)

    def _delete(self, path: str, dry_run: bool) -> Json:
        query = query_of(dry_run=dry_run)
        return self._json(path + query, method="DELETE", timeout_s=LONG_TIMEOUT_S)

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
    ) -> Batch:
        """Return counts and times of a batch, and its `top` runs; None ranks them as the batch was submitted.

        goal: max or min; for another metric than the batch's by default the better direction. constraint: a condition
        on runs, such as "num_trades >= 5 and max_drawdown_pct < 30"; an empty one for none.
        """
        path, ranking = f"/api/batches/{quoted(batch_id)}", {"metric": metric, "goal": goal}
        return Batch(self, self.get(path, **ranking, constraint=constraint, top=top))

    def wait_batch(self, batch_id: str, seen: Seen = lambda batch: None) -> Batch:
        """Wait until all runs of a batch have ended and return it, as `batch` does; `seen` is called at each poll."""
        return self._follow(Batch, "batch", batch_id, top=0).end(seen)

    def runs(self, batch_id: str) -> Iterator[Json]:
        """Yield all runs of a batch with their metrics, without their curves."""
        return runs_of(self, batch_id)

    def cancel(self, batch_id: str) -> int:
        """End all waiting and running runs of a batch; return their number."""
        return int(self.post(f"/api/batches/{quoted(batch_id)}/cancel")["cancelled"])

    def retry(self, batch_id: str, cancelled: bool = False) -> int:
        """Queue the failed runs of a batch again, with `cancelled` also the cancelled ones; return their number."""
        path = f"/api/batches/{quoted(batch_id)}/retry"
        return int(self.post(path, cancelled=cancelled)["retried"])

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
        current: bool = True,
    ) -> Json:
        """Make a price file, plain or packed, the current version of a series; return a report. dry_run: only report.

        adjust: multiply whole bars by Adj Close / Close where the file has both. timezone: of times without an offset,
        such as America/New_York, or that of the exchange for daily bars with a time of day. keep_dates: date daily bars
        as written, also where their session is on another day. bad_rows: for rows whose High or Low contradicts their
        other prices, "refuse" the file, "widen" High and Low to Open and Close, or "drop" the rows. reserve_years: keep
        the last years of the file, and all later bars of the ticker, in the vault, see `reserve`. current=False: new
        runs continue to get the version that was current before.
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
            current=None if current else False,
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
        return self.post(f"/api/runs/{quoted(run_id)}/vault")


def _rule(buy: Any, sell: str | None, inputs: RunRequest | None) -> Json:
    """Return the rule of a run: formulas, or a strategy in Python."""
    if not isinstance(buy, str):
        return {"rule_type": "PYTHON", "params": {"code": buy, "inputs": inputs or {}}}
    if sell is None and len(buy.split("\n")) > 1:
        raise BadInput("sell: give it where buy has several lines")
    params = {"buy": buy, "sell": sell or f"not ({buy})", "inputs": inputs or {}}
    return {"rule_type": "FORMULA", "params": params}


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
