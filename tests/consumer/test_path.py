"""One message, one process, one result; without any fault."""

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
