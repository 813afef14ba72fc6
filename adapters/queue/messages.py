"""Messages of the queue: ids for the Job, which reads the request from the database, and text for people."""

import json
import re
from typing import Any, ClassVar

from contracts.run_request import RunRequest
from contracts.status import RunStatus
from contracts.values import Json, frozen

# The only function that may run; a dotted name, so that the web tier never imports it.
RUN_FUNCTION = "consumer.job.task.run_backtest"
# finished and failed jobs stay visible in Redis for an hour; RQ's own default keeps failures for a year
KEPT_S = 3600
LONGEST_CODE = 500  # characters of a message
REFUSED_KEY = "rq:refused"  # a hash: numbers of popped messages that were dropped, by cause
# not sent by the platform; its attempt was not waiting
REFUSED = FOREIGN, STALE = "foreign", "stale"
# upper bound of Redis' memory for a waiting message with every field of a request; a test checks it
BYTES_PER_MESSAGE = 1800
_JOB_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([0-9]{1,6})")


@frozen
class Attempt:
    """One attempt of a run, waiting."""

    status: ClassVar = RunStatus.PENDING

    run_id: str
    attempt: int

    def __str__(self) -> str:
        return f"run {self.run_id} attempt {self.attempt}"

    @property
    def job_id(self) -> str:
        """Return RQ's id of its message."""
        return f"{self.run_id}-{self.attempt}"


@frozen
class RunMessage(Attempt):
    """Message of an attempt as it is pushed to the queue."""

    request: Json
    is_bulk: bool  # goes to the bulk list, which is popped when the interactive one is empty

    @classmethod
    def of(cls, request: RunRequest, attempt: int = 1) -> "RunMessage":
        """Make the message of a submitted run."""
        return cls.of_stored(str(request.run_id), attempt, request.to_json())

    @classmethod
    def of_stored(cls, run_id: str, attempt: int, request: Json) -> "RunMessage":
        """Make the message of a recorded run; runs of a batch go to the bulk list."""
        return cls(run_id, attempt, request, is_bulk=request.get("batch_id") is not None)


def attempt_of(job_id: str) -> Attempt:
    """Parse an RQ id; ValueError when it is not the platform's."""
    match = _JOB_ID.fullmatch(job_id)
    if not match:
        raise ValueError("its id is not <run_id>-<attempt>")
    return Attempt(match[1], int(match[2]))


def describe(request: Json) -> str:
    """Describe a run in one line for people who look into the queue: `AAPL RSI_14_30_70 2004-01-01..2013-03-01`."""
    rule = request.get("rule_id") or request["rule_type"]
    return f"{request['ticker']} {rule} {request['start_date']}..{request['end_date']}"


def _without_code(request: Json) -> Json:
    """Return a request for people; of long code its size, since a queue of thousands must fit into Redis' memory."""
    code = (request.get("params") or {}).get("code", "")
    if len(code) <= LONGEST_CODE:
        return request
    return request | {
        "params": request["params"] | {"code": f"{len(code):,} characters of Python"}
    }


def message_fields(message: RunMessage) -> dict[str, Any]:
    """Return the fields in which messages of one push differ: the call for RQ, and the request as text for people."""
    call: tuple[Any, ...] = (RUN_FUNCTION, None, [message.run_id, message.attempt], {})
    return {
        # RQ reads it with and without zlib; without, redis-cli shows it
        "data": json.dumps(call),
        "description": describe(message.request),
        "meta": json.dumps(
            _without_code(message.request)
            | {"run_id": message.run_id, "attempt": message.attempt}
        ),
    }
