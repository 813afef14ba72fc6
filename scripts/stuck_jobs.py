"""Jobs none of whose pods ever ran: what a broken template leaves behind, holding slots after it has been fixed.

`python scripts/stuck_jobs.py` lists them, `--delete` deletes them. Running Jobs, and failed ones that are kept to be
looked into, are never among them. kubectl and its current namespace decide which cluster that is.
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


def never_ran(jobs: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[str]:
    """Names of the Jobs that have not ended, are not young, and none of whose pods has had a running container."""
    labels = [pod["metadata"].get("labels", {}) for pod in pods if _has_run(pod)]
    ran = {each.get("batch.kubernetes.io/job-name") for each in labels}
    for job in jobs:
        name, status = job["metadata"]["name"], job.get("status", {})
        ended = status.get("succeeded") or status.get("failed") or status.get("conditions")
        age = now - datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        if not ended and age.total_seconds() > YOUNG_S and name not in ran:
            yield name


def _has_run(pod: Mapping[str, Any]) -> bool:
    containers = pod["status"].get("containerStatuses", ())
    states = [each.get(when, {}) for each in containers for when in ("state", "lastState")]
    return any("running" in state or "terminated" in state for state in states)


def _listed(*what: str) -> Any:
    return json.loads(_kubectl("get", *what, "-o", "json"))["items"]


def _kubectl(*arguments: str) -> str:
    return subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    """List or delete the stuck Jobs of the current namespace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delete", action="store_true", help="delete them; without it they are only listed")
    delete = parser.parse_args().delete
    try:
        # Jobs first: a pod that starts between the two questions is seen
        jobs = _listed("jobs", "-l", JOBS_OF_KEDA)
        stuck = list(never_ran(jobs, _listed("pods"), datetime.now(UTC)))
        print("\n".join(stuck) if stuck else "no Job is stuck")
        if delete and stuck:
            _kubectl("delete", "jobs", *stuck)
    except FileNotFoundError:
        print("kubectl is not installed", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return int(error.returncode)  # kubectl has said why
    return 0


if __name__ == "__main__":
    sys.exit(main())
