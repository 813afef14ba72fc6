"""Only Jobs that never ran are taken for stuck, and only --delete deletes them."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KUBECTL = """#!/bin/sh
[ "$1" = get ] && exec cat "$(dirname "$0")/$2.json"
echo "$@" >> "$(dirname "$0")/asked"
"""


def job(name: str, age_s: float = 600, **status: Any) -> dict[str, Any]:
    made = (datetime.now(UTC) - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {"name": name, "labels": {"a": "b"}, "creationTimestamp": made},
        "status": status,
    }


def pod(name: str, **state: Any) -> dict[str, Any]:
    labels = {"batch.kubernetes.io/job-name": name}
    return {
        "metadata": {"name": f"{name}-x", "labels": labels},
        "status": {"containerStatuses": [state]},
    }


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A kubectl that answers with one Job of each kind and writes down what else it is asked."""
    jobs = [
        job("refused"),  # FailedCreate: there is no pod
        job("unscheduled", active=1),
        job("no-image", active=1),
        job("young", age_s=20, active=1),
        job("running", active=1, ready=1),
        job("waiting", active=1),
        job("restarting", active=1),
        job("failed", failed=1, conditions=[{"type": "Failed", "status": "True"}]),
        job("done", succeeded=1, conditions=[{"type": "Complete", "status": "True"}]),
    ]
    pods = [
        {
            "metadata": {
                "name": "unscheduled-x",
                "labels": {"batch.kubernetes.io/job-name": "unscheduled"},
            },
            "status": {},
        },
        pod("no-image", state={"waiting": {"reason": "ErrImagePull"}}),
        pod("running", state={"running": {}}),
        pod("waiting", state={"running": {}}),
        pod("restarting", state={"waiting": {}}, lastState={"terminated": {"exitCode": 1}}),
        {"metadata": {"name": "bare"}, "status": {}},
    ]
    (tmp_path / "jobs.json").write_text(json.dumps({"items": jobs}))
    (tmp_path / "pods.json").write_text(json.dumps({"items": pods}))
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    return tmp_path


def run(cluster: Path, *arguments: str) -> str:
    paths = {"PATH": f"{cluster}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "scripts/stuck_jobs.py", *arguments]
    return subprocess.run(
        command, check=True, cwd=ROOT, env=os.environ | paths, stdout=subprocess.PIPE, text=True
    ).stdout


def test_only_what_never_ran_is_listed_and_nothing_deleted(cluster: Path) -> None:
    assert run(cluster).split() == ["refused", "unscheduled", "no-image"]
    assert not (cluster / "asked").exists()


def test_exactly_those_are_deleted(cluster: Path) -> None:
    run(cluster, "--delete")

    assert (cluster / "asked").read_text() == "delete jobs refused unscheduled no-image\n"


def test_idle_are_those_that_run_and_have_taken_nothing(cluster: Path) -> None:
    assert run(cluster, "--idle", "--delete").split() == ["waiting", "restarting"]
    assert (cluster / "asked").read_text() == "delete jobs waiting restarting\n"
