"""Many runs as one batch, sent in as many calls as that takes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from backtests.errors import Refused
from backtests.transport import Transport, as_json

RUNS_PER_CALL = 2000
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


def submit_all(
    transport: Transport,
    requests: Sequence[RunRequest],
    batch_id: str,
    ranking: Mapping[str, str],
    say: Callable[[str], None],
) -> Submitted:
    """Record the requests that the batch does not have yet."""
    run_ids, new = list[str](), 0
    for start in range(0, len(requests), RUNS_PER_CALL):
        answer = _sent(transport, requests, start, batch_id, dry_run="false", **ranking)
        run_ids += answer["run_ids"]
        new += answer["new"]
        if len(requests) > RUNS_PER_CALL:
            say(f"submitted {len(run_ids)} of {len(requests)}")
    return Submitted(batch_id, run_ids, new)


def plan_all(transport: Transport, requests: Sequence[RunRequest], batch_id: str) -> Plan:
    """What `submit_all` would do; Refused with the faults of all requests."""
    new, existing, others, refusals = 0, Counter[str](), set[int](), list[Refused]()
    for start in range(0, len(requests), RUNS_PER_CALL):
        try:
            answer = _sent(transport, requests, start, batch_id, dry_run="true")
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
    # of the whole batch, whichever runs a call has
    return Plan(new, dict(existing), min(others, default=0))


def _sent(
    transport: Transport, requests: Sequence[RunRequest], start: int, batch_id: str, **asked: str
) -> Any:
    """Send the requests of one call, which begin at `start`; faults are numbered from 1 over all of them."""
    query = urlencode({"batch_id": batch_id, **asked})
    body = "\n".join(map(as_json, requests[start : start + RUNS_PER_CALL])).encode()
    try:
        return transport.json(
            f"/api/runs/bulk?{query}", body, {"Content-Type": "application/x-ndjson"}
        )
    except Refused as refused:
        errors = {_shifted(place, start): fault for place, fault in refused.errors.items()}
        raise Refused(refused.code, refused.message, errors) from None


def _shifted(place: str, start: int) -> str:
    number, dot, field = place.partition(".")
    return f"{int(number) + start}.{field}" if dot and number.isdigit() else place
