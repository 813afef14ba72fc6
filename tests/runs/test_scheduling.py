"""Whose turn it is: batches and actors are served in turn, each run once, and the list says what waits."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from adapters.database import committed, database_now
from adapters.plan_tables import PLAN, plans
from adapters.queue.messages import Attempt
from adapters.runs.changes import CANCEL
from adapters.runs.scheduling import Turn, claim_turn, mark_served, most_before
from adapters.runs.states import Claim, hand_back
from contracts.errors import StaleMessage
from tests.faults.injection_point import Fault
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter

BULK = "rq:queue:backtests-bulk"


def served(submitter: Submitter, ticket: str, attempt: int = 1) -> tuple[Turn, Claim]:
    """Claim a run as a Job that has popped this ticket."""

    def take(connection: Connection) -> tuple[Turn, Claim]:
        turn, claimed = claim_turn(
            connection, Attempt(ticket, attempt), None, str(uuid4()), 60.0, "test"
        )
        mark_served(connection, turn)
        return turn, claimed

    return committed(submitter.engine, take)


class Line:
    """The batches' list, worked off as Jobs do: pop a ticket, claim, change places."""

    def __init__(self, submitter: Submitter, **batches: list[str]) -> None:
        self._submitter = submitter
        self.names = {run_id: name for name, run_ids in batches.items() for run_id in run_ids}
        self.waiting = [run_id for run_ids in batches.values() for run_id in run_ids]

    def serve(self, count: int) -> str:
        """The batches of the runs that so many Jobs claim, in order."""
        names = []
        for _ in range(count):
            ticket = self.waiting.pop(0)
            turn, claimed = served(self._submitter, ticket)
            if claimed.run_id != ticket:
                self.waiting.remove(claimed.run_id)
                self.waiting[:0] = [ticket] if turn.ticket_waits else []
            names.append(self.names[claimed.run_id])
        return "".join(names)


def test_batches_take_turns_and_each_begins_with_its_oldest_run(submitter: Submitter) -> None:
    a, b = submitter.submit(5, batch_id="a"), submitter.submit(2, batch_id="b")
    line = Line(submitter, a=a, b=b)

    assert line.serve(3) == "aba"
    assert line.waiting == [*a[2:], b[1]]
    assert line.serve(4) == "baaa"
    assert line.waiting == []


def test_a_batch_that_comes_later_is_served_at_once(submitter: Submitter) -> None:
    line = Line(submitter, a=submitter.submit(6, batch_id="a"))
    assert line.serve(3) == "aaa"

    late = submitter.submit(2, batch_id="b")
    line.waiting += late
    line.names |= dict.fromkeys(late, "b")

    assert line.serve(5) == "babaa"


def test_an_actor_with_many_batches_gets_no_more_than_one_with_one(submitter: Submitter) -> None:
    line = Line(
        submitter,
        a=submitter.submit(5, batch_id="a", actor="ann"),
        b=submitter.submit(5, batch_id="b", actor="ann"),
        c=submitter.submit(5, batch_id="c", actor="ben"),
    )

    assert line.serve(8) == "acbcacbc"


def test_many_small_batches_one_after_the_other_are_no_way_to_the_front(
    submitter: Submitter,
) -> None:
    line = Line(submitter, b=submitter.submit(6, batch_id="large", actor="ben"))
    shares = ""
    for number in range(4):
        small = submitter.submit(1, batch_id=f"small {number}", actor="ann")
        line.waiting += small
        line.names |= dict.fromkeys(small, "a")
        shares += line.serve(1)
    shares += line.serve(4)

    assert shares in ("abababba", "babababa")


@pytest.mark.parametrize(
    ("large", "small"), [(500, 50), pytest.param(20_000, 100, marks=pytest.mark.slow)]
)
def test_of_a_large_batch_and_a_small_one_each_has_half(
    large: int, small: int, submitter: Submitter
) -> None:
    line = Line(
        submitter,
        a=submitter.submit(large, batch_id="a"),
        b=submitter.submit(small, batch_id="b"),
    )

    shares = line.serve(2 * small)

    assert shares.count("b") == small


def test_a_ticket_of_the_batch_whose_turn_it_is_stands_for_itself(submitter: Submitter) -> None:
    *_, last = submitter.submit(3, batch_id="a")

    turn, claimed = served(submitter, last)

    assert (claimed.run_id, turn.ticket_waits) == (last, False)


def test_a_run_that_waits_again_is_the_oldest_of_its_batch(submitter: Submitter) -> None:
    a, b = submitter.submit(3, batch_id="a"), submitter.submit(9, batch_id="b")
    _, first = served(submitter, a[0])
    served(submitter, b[0])
    assert served(submitter, b[1])[1].run_id == a[1]

    with submitter.engine.begin() as connection:
        hand_back(connection, first, 20)
    submitter.enqueue([first.run_id], attempt=2, is_bulk=True)
    served(submitter, b[1])
    turn, claimed = served(submitter, b[2])

    assert (claimed.run_id, claimed.attempt, turn.ticket_waits) == (first.run_id, 2, True)


def test_a_batch_that_nobody_has_announced_is_served_by_its_own_tickets(
    submitter: Submitter,
) -> None:
    b = submitter.submit(2, batch_id="b")
    (a,) = submitter.record(1, batch_id="a")

    assert served(submitter, b[0])[1].run_id == b[0]
    assert served(submitter, a)[1].run_id == a


def test_a_ticket_whose_run_is_over_stands_for_another_one(submitter: Submitter) -> None:
    a, b = submitter.submit(1, batch_id="a"), submitter.submit(1, batch_id="b")
    with submitter.engine.begin() as connection:
        CANCEL.one(connection, a[0])

    turn, claimed = served(submitter, a[0])

    assert (claimed.run_id, turn.ticket_waits) == (b[0], False)
    for stale in (a[0], b[0], str(uuid4())):
        with pytest.raises(StaleMessage):
            served(submitter, stale)


def test_the_answer_to_a_claim_may_get_lost(submitter: Submitter) -> None:
    a, b = submitter.submit(3, batch_id="a"), submitter.submit(1, batch_id="b")
    served(submitter, a[0])
    ticket = Attempt(a[1], 1)

    def take(chosen: Turn | None) -> tuple[Turn, Claim]:
        return committed(
            submitter.engine, lambda each: claim_turn(each, ticket, chosen, "mine", 60.0, "test")
        )

    turn, claimed = take(None)

    assert take(turn) == (turn, claimed)
    assert claimed.run_id == b[0]
    assert submitter.statuses() == {"RUNNING": 2, "PENDING": 2}


def test_of_many_jobs_at_once_each_gets_a_run_of_its_own(submitter: Submitter) -> None:
    tickets = [run_id for batch in "abcd" for run_id in submitter.submit(20, batch_id=batch)]

    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda ticket: served(submitter, ticket)[1].run_id, tickets))

    assert sorted(claimed) == sorted(tickets)


def test_a_plan_is_skipped_once_nothing_of_it_waits(submitter: Submitter) -> None:
    (a,) = submitter.submit(1, batch_id="a")
    submitter.submit(1, batch_id="b")
    with submitter.engine.begin() as connection:
        CANCEL.one(connection, a)
    with pytest.raises(StaleMessage):
        [served(submitter, a) for _ in range(2)]

    with submitter.engine.begin() as connection:
        left = connection.scalars(select(PLAN.name).where(PLAN.first_id.is_not(None))).all()

    assert left == ["b"]


def test_a_place_counts_the_turns_before_it(submitter: Submitter) -> None:
    a, b = submitter.submit(50, batch_id="a"), submitter.submit(3, batch_id="b")
    alone = submitter.submit()[0]

    with submitter.engine.connect() as connection:
        places = [most_before(connection, run_id) for run_id in (a[0], a[9], b[0], b[2], alone)]

    assert places == [1, 19, 1, 5, None]


def test_jobs_change_places_so_that_the_list_says_what_waits(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    redis, a, b = (
        redis_server.client(),
        submitter.submit(3, batch_id="a"),
        submitter.submit(2, batch_id="b"),
    )
    redis.delete(
        f"rq:job:{Attempt(b[0], 1).job_id}"
    )  # its body is lost, which its turn does not need
    lists = []
    for _ in range(5):
        assert programs.start("consumer").wait() == 0
        lists.append(redis.lrange(BULK, 0, -1))

    a, b = ([Attempt(run_id, 1).job_id for run_id in batch] for batch in (a, b))
    assert lists == [[*a[1:], *b], [*a[1:], b[1]], [a[2], b[1]], [a[2]], []]
    assert submitter.statuses() == {"SUCCEEDED": 5}
    assert not redis.exists(f"{BULK}:intermediate", "rq:wip:backtests-bulk")
    assert redis.zcard("rq:finished:backtests-bulk") == 5


def test_a_run_that_waits_in_the_list_of_people_leaves_it_with_its_batch_s_turn(
    programs: Programs, submitter: Submitter, redis_server: RedisServer, tmp_path: Path
) -> None:
    redis, ticket, other = (
        redis_server.client(),
        *submitter.submit(1, batch_id="z"),
        *submitter.submit(1, batch_id="a"),
    )
    with submitter.engine.begin() as connection:
        connection.execute(update(plans).filter_by(name="z").values(served_at=database_now()))
    pause = Fault(tmp_path, "between pop and claim", "pause")
    job = programs.start("consumer", **pause.environ)
    pause.wait()
    redis.lrem(BULK, 1, Attempt(other, 1).job_id)
    redis.rpush("rq:queue:backtests", Attempt(other, 1).job_id)  # as a single retry does

    pause.let_go()

    assert job.wait() == 0
    assert submitter.status(other) == "SUCCEEDED"
    assert redis.lrange(BULK, 0, -1) == [Attempt(ticket, 1).job_id]
    assert not redis.exists("rq:queue:backtests")
