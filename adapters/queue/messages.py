"""What a message is: ids for the Job, which reads the request from the database, and words for people."""

import json
import re
from typing import Any, ClassVar

from contracts.run_request import RunRequest
from contracts.status import RunStatus
from contracts.values import Json, frozen

# The only function that may run; named, so that the web tier never imports it.
RUN_FUNCTION = "consumer.job.task.run_backtest"
# finished and failed jobs stay visible in Redis for an hour; RQ's own default keeps failures for a year
KEPT_S = 3600
REFUSED_KEY = "rq:refused"  # a hash: how many popped messages nothing was done for, by cause
# nobody of ours has sent it; its attempt was not waiting
REFUSED = FOREIGN, STALE = "foreign", "stale"
# of Redis' memory while it waits, with every field of a request; kept true by a test
BYTES_PER_MESSAGE = 1800
_JOB_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([0-9]{1,6})")


@frozen
class Attempt:
    """One attempt of a run, which waits."""

    status: ClassVar = RunStatus.PENDING

    run_id: str
    attempt: int

    def __str__(self) -> str:
        return f"run {self.run_id} attempt {self.attempt}"

    @property
    def job_id(self) -> str:
        """RQ's id of its message."""
        return f"{self.run_id}-{self.attempt}"


@frozen
class RunMessage(Attempt):
    """The same as it is pushed."""

    request: Json
    is_bulk: bool  # waits in the list of batches, which is popped when that of people is empty

    @classmethod
    def of(cls, request: RunRequest, attempt: int = 1) -> "RunMessage":
        """That of a run as it was asked for."""
        return cls.of_stored(str(request.run_id), attempt, request.to_json())

    @classmethod
    def of_stored(cls, run_id: str, attempt: int, request: Json) -> "RunMessage":
        """That of a recorded run; runs of a batch wait in the list of batches."""
        return cls(run_id, attempt, request, is_bulk=request.get("batch_id") is not None)


def attempt_of(job_id: str) -> Attempt:
    """The attempt that an RQ id names; ValueError when it is none of ours."""
    named = _JOB_ID.fullmatch(job_id)
    if not named:
        raise ValueError("its id is not <run_id>-<attempt>")
    return Attempt(named[1], int(named[2]))


def describe(request: Json) -> str:
    """One line for people who look into the queue: `AAPL RSI_14_30_70 2004-01-01..2013-03-01`."""
    rule = request.get("rule_id") or request["rule_type"]
    return f"{request['ticker']} {rule} {request['start_date']}..{request['end_date']}"


def own_fields(message: RunMessage) -> dict[str, Any]:
    """What tells a message of one push from the others: the call for RQ, and the request in words for people."""
    call: tuple[Any, ...] = (RUN_FUNCTION, None, [message.run_id, message.attempt], {})
    return {
        # RQ reads it with and without zlib; without, redis-cli shows it
        "data": json.dumps(call),
        "description": describe(message.request),
        "meta": json.dumps(
            message.request | {"run_id": message.run_id, "attempt": message.attempt}
        ),
    }
