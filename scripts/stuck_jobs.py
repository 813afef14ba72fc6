"""Jobs none of whose pods ever ran: what a broken template leaves behind, holding slots after it has been fixed.

`python scripts/stuck_jobs.py` lists them, `--delete` deletes them. Running Jobs, and failed ones that are kept to be
looked into, are never among them. With `--idle` it is Jobs that wait for a message (IDLE_S), which a paused ScaledJob
does not stop. kubectl and its current namespace decide which cluster that is.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

JOBS_OF_KEDA = "scaledjob.keda.sh/name=backtest"
YOUNG_S = 120  # a younger Job may only be about to start


def never_ran(
    jobs: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], now: datetime
) -> Iterator[str]:
    """Names of the Jobs that have not ended, are not young, and none of whose pods has had a running container."""
    ran = _those_that_ran(pods)
    for job in filter(_is_unfinished, jobs):
        age = now - datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        if age.total_seconds() > YOUNG_S and job["metadata"]["name"] not in ran:
            yield job["metadata"]["name"]


def idle(jobs: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Names of the Jobs that run and have taken no message: their pods are not Ready."""
    ran = _those_that_ran(pods)
    for job in filter(_is_unfinished, jobs):
        if job["metadata"]["name"] in ran and not job["status"].get("ready"):
            yield job["metadata"]["name"]


def _is_unfinished(job: Mapping[str, Any]) -> bool:
    status = job.get("status", {})
    return not (status.get("succeeded") or status.get("failed") or status.get("conditions"))


def _those_that_ran(pods: Iterable[Mapping[str, Any]]) -> set[str]:
    return {
        pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name")
        for pod in pods
        if _has_run(pod)
    }


def _has_run(pod: Mapping[str, Any]) -> bool:
    containers = pod["status"].get("containerStatuses", ())
    states = [each.get(when, {}) for each in containers for when in ("state", "lastState")]
    return any("running" in state or "terminated" in state for state in states)


def _listed(*what: str) -> Any:
    return json.loads(_kubectl("get", *what, "-o", "json"))["items"]


def _kubectl(*arguments: str) -> str:
    return subprocess.run(
        ["kubectl", *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def main() -> int:
    """List or delete the stuck Jobs of the current namespace."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--delete", action="store_true", help="delete them; without it they are only listed"
    )
    parser.add_argument(
        "--idle", action="store_true", help="Jobs that wait for a message, in place of stuck ones"
    )
    asked = parser.parse_args()
    try:
        # Jobs first: a pod that starts between the two questions is seen
        jobs = _listed("jobs", "-l", JOBS_OF_KEDA)
        pods = _listed("pods")
        found = list(idle(jobs, pods) if asked.idle else never_ran(jobs, pods, datetime.now(UTC)))
        print("\n".join(found) if found else f"no Job is {'idle' if asked.idle else 'stuck'}")
        if asked.delete and found:
            _kubectl("delete", "jobs", *found)
    except FileNotFoundError:
        print("kubectl is not installed", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return int(error.returncode)  # kubectl has said why
    return 0


if __name__ == "__main__":
    sys.exit(main())
