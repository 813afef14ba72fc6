"""Jobs none of whose pods ever ran: what a broken template leaves behind, holding slots after it has been fixed.

`python scripts/stuck_jobs.py` lists them, `--delete` deletes them. Running Jobs, and failed ones that are kept to be
looked into, are never among them. With `--idle` it is Jobs that wait for a message (IDLE_S), which a paused ScaledJob
does not stop. kubectl and its current namespace decide which cluster that is.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
JOBS_OF_KEDA = "scaledjob.keda.sh/name=backtest"
YOUNG_S = 120  # a younger Job may only be about to start


def never_ran(job: Json, ran: Collection[str]) -> bool:
    """Whether an unfinished Job is not young, and none of its pods has had a running container."""
    age = datetime.now(UTC) - datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    return age.total_seconds() > YOUNG_S and job["metadata"]["name"] not in ran


def is_idle(job: Json, ran: Collection[str]) -> bool:
    """Whether an unfinished Job runs and has taken no message: its pod is not Ready."""
    return job["metadata"]["name"] in ran and not job["status"].get("ready")


def _is_unfinished(job: Json) -> bool:
    return not job.get("status", {}).keys() & {"succeeded", "failed", "conditions"}


def _has_run(pod: Json) -> bool:
    containers = pod["status"].get("containerStatuses", ())
    states = [each.get(when, {}) for each in containers for when in ("state", "lastState")]
    return any("running" in state or "terminated" in state for state in states)


def _listed(*what: str) -> Any:
    return json.loads(_kubectl("get", *what, "-o", "json"))["items"]


def _found(idle: bool) -> list[str]:
    """Names of the unfinished Jobs that are stuck, or idle."""
    # Jobs first: a pod that starts between the two questions is seen
    jobs = filter(_is_unfinished, _listed("jobs", "-l", JOBS_OF_KEDA))
    ran = {
        pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name")
        for pod in _listed("pods")
        if _has_run(pod)
    }
    is_meant = is_idle if idle else never_ran
    return [job["metadata"]["name"] for job in jobs if is_meant(job, ran)]


def _kubectl(*arguments: str) -> str:
    return subprocess.check_output(["kubectl", *arguments], text=True)


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
        found = _found(asked.idle)
        print("\n".join(found) or f"no Job is {'idle' if asked.idle else 'stuck'}")
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
