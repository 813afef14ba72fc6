"""From pop to claim: an interactive run with nothing waiting and with 100,000 runs waiting, and a run in fair order."""

import json
import logging
import statistics
import time
from collections.abc import Callable
from uuid import uuid4

from sqlalchemy.engine import Connection

from adapters.database import committed
from adapters.queue.messages import attempt_of
from adapters.queue.run_queue import queues_of
from adapters.runs.scheduling import Turn, claim_turn, mark_served
from consumer.job.messages import MessageWorker
from tests.bench.services import platform, row
from tests.services.runs import Submitter

BATCHES, RUNS = 1_000, 100
CLAIMS = 300


def main() -> None:
    """Print the rows as one line of JSON."""
    logging.disable(logging.CRITICAL)
    with platform(web_processes=1) as running:
        submitter = Submitter(
            {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis.url}
        )
        quiet = claims(lambda: person(submitter))
        for number in range(BATCHES):
            submitter.submit(RUNS, batch_id=f"batch {number}", actor=f"actor {number % 10}")
        with_batches = claims(lambda: person(submitter))
        turns = claims(lambda: claimed(submitter))
    what = f"{BATCHES * RUNS:,} runs of {BATCHES:,} batches"
    print(
        json.dumps(
            [
                row(
                    f"pop and claim of an interactive run while {what} wait: p99",
                    p99(with_batches),
                    "ms",
                    p99(quiet),
                    budget="<= 1.5",
                ),
                row(
                    "the same: median",
                    statistics.median(with_batches),
                    "ms",
                    statistics.median(quiet),
                    budget="<= 1.5",
                ),
                row(
                    "pop, claim and exchange of the next run in fair order: median",
                    statistics.median(turns),
                    "ms",
                    statistics.median(quiet),
                    budget="<= 3",
                    note="against an interactive run with nothing waiting",
                ),
                row("the same: p99", p99(turns), "ms"),
            ]
        )
    )


def claims(claim: Callable[[], float]) -> list[float]:
    """Milliseconds of each, in order of size."""
    return sorted(claim() for _ in range(CLAIMS))


def p99(sizes: list[float]) -> float:
    """Of those in order of size."""
    return sizes[len(sizes) * 99 // 100]


def person(submitter: Submitter) -> float:
    """Milliseconds of a claim of a single run that has just come."""
    submitter.submit()
    return claimed(submitter)


def claimed(submitter: Submitter) -> float:
    """Milliseconds from the pop to the claim of one message, the exchange of a ticket included; as a Job does it."""
    messages = MessageWorker(queues_of(submitter.settings), submitter.settings, "bench")
    begun = time.perf_counter()
    job = messages.pop()
    assert job is not None
    ticket = attempt_of(job.id)
    chosen = None if messages.is_ticket else Turn(ticket, False)

    def take(connection: Connection) -> Turn:
        turn, _ = claim_turn(connection, ticket, chosen, str(uuid4()), 3600.0, "bench")
        mark_served(connection, turn)
        return turn

    turn = committed(submitter.engine, take)
    if turn.attempt != ticket:
        messages.exchange(job, turn.attempt, turn.ticket_waits)
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    main()
