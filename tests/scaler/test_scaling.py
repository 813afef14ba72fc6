"""The local scaler's arithmetic is KEDA's `accurate` strategy."""

import json
from pathlib import Path

import pytest

from adapters.settings import PROJECT_ROOT
from consumer.job_processes import jobs_to_start, read_scaled_job
from contracts.errors import InvalidSettings

MANIFEST = PROJECT_ROOT / "keda" / "scaledjob.yaml"


@pytest.mark.parametrize(
    ("waiting", "unfinished", "pending", "max_jobs", "started"),
    [
        (0, 0, 0, 50, 0),
        (3, 0, 0, 50, 3),
        (3, 1, 0, 50, 3),  # a long run under way does not count: its message is popped already
        # three started, none has popped: they are on their way to these very messages
        (3, 3, 3, 50, 0),
        (5, 3, 3, 50, 2),
        (100, 0, 0, 4, 4),
        (100, 4, 4, 4, 0),
        (100, 3, 0, 4, 1),
        (100, 5, 0, 4, 0),  # the limit was lowered meanwhile
        (1, 4, 4, 4, 0),
    ],
)
def test_as_many_jobs_start_as_messages_wait_without_one(
    waiting: int, unfinished: int, pending: int, max_jobs: int, started: int
) -> None:
    assert jobs_to_start(waiting, unfinished, pending, 1, max_jobs) == started


def test_a_job_for_two_messages_is_rounded_up() -> None:
    assert jobs_to_start(5, 0, 0, 2, 50) == 3


@pytest.mark.parametrize(
    ("waiting", "working", "idle", "started"),
    [
        (0, 0, 0, 2),
        (0, 0, 2, 0),
        (0, 1, 1, 1),  # a click was taken: refilled while its run works
        (0, 2, 0, 2),
        (2, 2, 0, 4),  # four clicks at once, of which two found an idle Job
        (50, 0, 2, 48),  # idle ones are deducted
        (100, 0, 2, 48),  # maxReplicaCount counts waiting Jobs, too
        (0, 50, 0, 0),
    ],
)
def test_a_cron_trigger_keeps_idle_jobs_next_to_those_that_work(
    waiting: int, working: int, idle: int, started: int
) -> None:
    steps = json.loads((PROJECT_ROOT / "keda/warm/patch.json").read_text())
    [cron] = [each["value"] for each in steps if each["path"] == "/spec/triggers/-"]
    demand = waiting + int(cron["metadata"]["desiredReplicas"])  # multipleScalersCalculation: sum

    assert jobs_to_start(demand, working + idle, idle, 1, 50) == started


def test_the_shipped_manifest_is_understood() -> None:
    scaled_job = read_scaled_job(MANIFEST)

    assert scaled_job.list_names == ("rq:queue:backtests", "rq:queue:backtests-bulk")
    assert (scaled_job.polling_s, scaled_job.list_length) == (1, 1)
    assert (scaled_job.deadline_s, scaled_job.grace_s) == (1230, 30)
    assert scaled_job.command == ("python", "-m", "consumer")


@pytest.mark.parametrize("content", ["", "kind: ScaledJob\n", "a: [", "spec: {triggers: []}\n"])
def test_a_broken_manifest_is_named(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "scaledjob.yaml"
    broken.write_text(content)

    with pytest.raises(InvalidSettings, match="scaledjob.yaml"):
        read_scaled_job(broken)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="No such file"):
        read_scaled_job(tmp_path / "absent.yaml")
