"""One message, one process, one result; without any fault."""

import pytest
from sqlalchemy import select

from adapters.access_tables import USED
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter


def test_a_message_becomes_a_result(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.submit()

    exit_code = programs.start("consumer").wait()

    assert exit_code == 0
    assert submitter.status(run_id) == "SUCCEEDED"
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


BURN = """
import time
def signals(bars):
    began = time.process_time()
    while time.process_time() - began < 1:
        pass
"""


@pytest.mark.parametrize(
    ("end", "status"), [("return [0] * len(bars)", "SUCCEEDED"), ("raise ValueError", "FAILED")]
)
def test_the_cpu_seconds_of_a_job_and_of_its_sealed_processes_are_those_of_its_submitter(
    programs: Programs, submitter: Submitter, end: str, status: str
) -> None:
    fields = {"rule_type": "PYTHON", "params": {"code": f"{BURN}    {end}\n"}}
    run_ids = submitter.record(1, "ann", **fields)
    submitter.enqueue(run_ids)

    programs.start("consumer").wait()

    assert submitter.status(run_ids[0]) == status
    with submitter.engine.connect() as connection:
        rows = connection.execute(select(USED.actor, USED.combinations, USED.cpu_s)).all()
    [(actor, combinations, cpu_s)] = rows
    assert (actor, combinations) == ("ann", 0)
    assert 2 <= cpu_s < 60  # code is run at least twice; the rest of a Job takes half a second
