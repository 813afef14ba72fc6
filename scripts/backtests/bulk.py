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


class Bulk(Transport):
    """Submissions of one run or any number of them, and what is made of many."""

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
        """The run_id of one request; of several the batch that they are in. A batch has no request twice.

        ranking: metric, goal and constraint by which the platform ranks the batch from now on, as `batch` takes them.
        """
        if isinstance(requests, Mapping):
            asked = requests if batch_id is None else {**requests, "batch_id": batch_id}
            return str(self._post("/run_backtest", asked)["run_id"])
        batch_id, run_ids, new = batch_id or str(uuid4()), list[str](), 0
        for start in range(0, len(requests), RUNS_PER_CALL):
            answer = self._sent(requests, start, batch_id, **(ranking or {}))
            run_ids += answer["run_ids"]
            new += answer["new"]
            if len(requests) > RUNS_PER_CALL:
                self._say(f"submitted {len(run_ids)} of {len(requests)}")
        return Submitted(batch_id, run_ids, new)

    def plan(self, requests: Sequence[RunRequest], batch_id: str | None = None) -> Plan:
        """What submitting them would do; nothing is recorded. Refused with the faults of all requests."""
        answers, refusals, batch_id = list[Json](), list[Refused](), batch_id or str(uuid4())
        for start in range(0, len(requests), RUNS_PER_CALL):
            try:
                answers.append(self._sent(requests, start, batch_id, dry_run=True))
            except Refused as refused:
                if not refused.errors:  # not about these requests
                    raise
                refusals.append(refused)
        if refusals:
            raise _in_one(refusals)
        existing = sum((Counter(each["existing"]) for each in answers), Counter[str]())
        # of the whole batch, whichever runs a call has
        others = min((each["on_other_prices"] for each in answers), default=0)
        return Plan(sum(each["new"] for each in answers), dict(existing), others)

    def screen(self, sweep: RunRequest, top: int = 10, seen: Seen = lambda screen: None) -> Json:
        """Try a sweep in one Job for each ticker, and wait: its `top` rows, by the sweep's ranking, in `leaderboard`.

        A row has params and metrics, no receipt; `run_screened` makes a run of it. `seen` is told of each look at it.
        """
        started = self._post("/api/screens", sweep, timeout_s=LONG_TIMEOUT_S)
        path, pause_s = f"/api/screens/{started['screen_id']}", FIRST_LOOK_S
        while (found := self.get(path, top=top))["status"] in LIVING:
            seen(found)
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, BATCH_POLL_S)
        return found

    def run_screened(self, screen_id: str, row: Json) -> str:
        """The run_id of a run, with charts and receipt, of a row that `screen` has found."""
        path = f"/api/screens/{quoted(screen_id)}/run"
        return str(self._post(path, number=row["number"], ticker=row["ticker"])["run_id"])

    def run_best_screened(self, screen_id: str, best: int | None = None) -> Json:
        """Run the best rows of a screen, or all, as one batch: its batch_id, run_ids, new."""
        return self._post(f"/api/screens/{quoted(screen_id)}/batch", best=best)

    def plan_study(self, study: RunRequest) -> Json:
        """What a study would cost: runs, parts, and seconds at the pace of the latest batch; nothing is recorded."""
        return self._post("/api/studies", study, dry_run=True)

    def submit_study(self, study: RunRequest, key: str | None = None) -> Json:
        """Start a study: its study_id, batch_id and page_url; the same key makes no second one."""
        return self._post("/api/studies", study, key)

    def study(self, study_id: str) -> Json:
        """Everything about a study: its plan, its runs by state, what was chosen, and the verdict."""
        return self.get(f"/api/studies/{quoted(study_id)}")

    def wait_study(self, study_id: str, seen: Seen = lambda study: None) -> Json:
        """The study once it has ended; `seen` is told of each look at it."""
        while (study := self.study(study_id))["completed_at"] is None:
            seen(study)
            self._sleep(BATCH_POLL_S)
        return study

    def cancel_study(self, study_id: str) -> None:
        """End a study without a verdict; Refused (409) when it has ended."""
        self._post(f"/api/studies/{quoted(study_id)}/cancel")

    def submit_portfolio(self, portfolio: RunRequest, key: str | None = None) -> Json:
        """Start a portfolio: its portfolio_id, legs and page_url; the same key makes no second one.

        portfolio: legs and what they share, a batch_id whose runs are the legs, or a sweep with a section portfolio.
        """
        return self._post("/api/portfolios", portfolio, key, timeout_s=LONG_TIMEOUT_S)

    def portfolio(self, portfolio_id: str) -> Json:
        """Everything about a portfolio: its legs with their runs and contributions, metrics, equity, trades."""
        return self.get(f"/api/portfolios/{quoted(portfolio_id)}")

    def wait_portfolio(self, portfolio_id: str, seen: Seen = lambda portfolio: None) -> Json:
        """The portfolio once it has completed or failed; `seen` is told of each look at it."""
        while (portfolio := self.portfolio(portfolio_id))["status"] in LIVING:
            seen(portfolio)
            self._sleep(BATCH_POLL_S)
        return portfolio

    def cancel_portfolio(self, portfolio_id: str) -> None:
        """End a portfolio and the runs that were made for it; Refused (409) when it has ended."""
        self._post(f"/api/portfolios/{quoted(portfolio_id)}/cancel")

    def _sent(
        self, requests: Sequence[RunRequest], start: int, batch_id: str, **asked: object
    ) -> Json:
        """Send the requests of one call, which begin at `start`; faults are numbered from 1 over all of them."""
        path = "/api/runs/bulk" + query_of(batch_id=batch_id, **asked)
        body = "\n".join(map(as_json, requests[start : start + RUNS_PER_CALL])).encode()
        try:
            return self._json(path, body, {"Content-Type": "application/x-ndjson"})
        except Refused as refused:
            errors = {
                re.sub(r"^\d+(?=\.)", lambda number: str(int(number[0]) + start), place): fault
                for place, fault in refused.errors.items()
            }
            raise Refused(refused.code, refused.message, errors) from None


def _in_one(refusals: Sequence[Refused]) -> Refused:
    """What calls were refused for, as one."""
    faults = {place: fault for each in refusals for place, fault in each.errors.items()}
    return Refused(refusals[0].code, "\n".join(each.message for each in refusals), faults)
