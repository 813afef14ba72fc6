"""List Jobs none of whose pods ever ran: a broken template leaves them, and they occupy slots after it is fixed.

`python scripts/stuck_jobs.py` lists them, `--delete` deletes them. Running Jobs, and failed ones that are kept for
inspection, are never among them. `--idle` selects Jobs that wait for a message (IDLE_S), which a paused ScaledJob does
not stop. The cluster and namespace are those of kubectl.
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
YOUNG_S = 120  # a younger Job may be about to start


def never_ran(job: Json, ran: Collection[str]) -> bool:
    """Return whether an unfinished Job is not young, and none of its pods has had a running container."""
    age = datetime.now(UTC) - datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    return age.total_seconds() > YOUNG_S and job["metadata"]["name"] not in ran


def is_idle(job: Json, ran: Collection[str]) -> bool:
    """Return whether an unfinished Job runs and has taken no message: its pod is not Ready."""
    return job["metadata"]["name"] in ran and not job["status"].get("ready")


def _is_unfinished(job: Json) -> bool:
    return not job.get("status", {}).keys() & {"succeeded", "failed", "conditions"}


def _has_run(pod: Json) -> bool:
    containers = pod["status"].get("containerStatuses", ())
    states = [each.get(when, {}) for each in containers for when in ("state", "lastState")]
    return any("running" in state or "terminated" in state for state in states)


def _get_all(*resource: str) -> Any:
    return json.loads(_kubectl("get", *resource, "-o", "json"))["items"]


def _find_jobs(idle: bool) -> list[str]:
    """Return the names of the unfinished Jobs that are stuck, or idle."""
    # Jobs first, so that a pod that starts between the two calls is listed
    jobs = filter(_is_unfinished, _get_all("jobs", "-l", JOBS_OF_KEDA))
    ran = {
        pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name")
        for pod in _get_all("pods")
        if _has_run(pod)
    }
    is_selected = is_idle if idle else never_ran
    return [job["metadata"]["name"] for job in jobs if is_selected(job, ran)]


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
    arguments = parser.parse_args()
    try:
        jobs = _find_jobs(arguments.idle)
        print("\n".join(jobs) or f"no Job is {'idle' if arguments.idle else 'stuck'}")
        if arguments.delete and jobs:
            _kubectl("delete", "jobs", *jobs)
    except FileNotFoundError:
        print("kubectl is not installed", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return int(error.returncode)  # kubectl has printed the reason
    return 0


if __name__ == "__main__":
    sys.exit(main())
