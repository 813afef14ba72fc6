"""Many runs at once: batches, sent in as many calls as that takes, screens, studies and portfolios."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, overload
from uuid import uuid4

from backtests.errors import Refused
from backtests.transport import (
    LONG_TIMEOUT_S,
    Json,
    RunRequest,
    Seen,
    Transport,
    as_json,
    query_of,
    quoted,
)

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


class Bulk(Transport):
    """Submission of one run or many, and of screens, studies and portfolios."""

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
        path, pause_s = f"/api/screens/{started['screen_id']}", FIRST_LOOK_S
        while (screen := self.get(path, top=top))["status"] in LIVING:
            seen(screen)
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, BATCH_POLL_S)
        return screen

    def run_screened(self, screen_id: str, row: Json) -> str:
        """Run a row of a screen's leaderboard, with charts and receipt; return the run_id."""
        path = f"/api/screens/{quoted(screen_id)}/run"
        return str(self._post(path, number=row["number"], ticker=row["ticker"])["run_id"])

    def run_best_screened(self, screen_id: str, best: int | None = None) -> Json:
        """Run the best rows of a screen, or all, as one batch: its batch_id, run_ids, new."""
        return self._post(f"/api/screens/{quoted(screen_id)}/batch", best=best)

    def plan_study(self, study: RunRequest) -> Json:
        """Return the cost of a study: runs, parts, and seconds at the pace of the latest batch; nothing is recorded."""
        return self._post("/api/studies", study, dry_run=True)

    def submit_study(self, study: RunRequest, key: str | None = None) -> Json:
        """Start a study; return study_id, batch_id and page_url. The same key starts no second one."""
        return self._post("/api/studies", study, key)

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


def _merged(refusals: Sequence[Refused]) -> Refused:
    """Merge the refusals of several calls."""
    faults = {place: fault for each in refusals for place, fault in each.errors.items()}
    return Refused(refusals[0].code, "\n".join(each.message for each in refusals), faults)
