"""One run, or many as a batch, sent in as many calls as that takes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, overload
from uuid import uuid4

from backtests.errors import Refused
from backtests.transport import Json, RunRequest, Transport, as_json, query_of

RUNS_PER_CALL = 2000


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
    """Submissions of one run or any number of them."""

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
            faults = {place: fault for each in refusals for place, fault in each.errors.items()}
            raise Refused(refusals[0].code, "\n".join(each.message for each in refusals), faults)
        existing = sum((Counter(each["existing"]) for each in answers), Counter[str]())
        # of the whole batch, whichever runs a call has
        others = min((each["on_other_prices"] for each in answers), default=0)
        return Plan(sum(each["new"] for each in answers), dict(existing), others)

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
