"""Number of Jobs to start: KEDA's `accurate` strategy with the numbers of the ScaledJob manifest."""

import math
from pathlib import Path

import yaml

from contracts.errors import InvalidSettings
from contracts.values import Json, frozen


@frozen
class ScaledJob:
    """The manifest's terms for a scaler."""

    list_names: tuple[str, ...]
    polling_s: float  # between two polls of the lists by KEDA
    list_length: int  # messages per Job
    max_jobs: int
    deadline_s: float  # for a Job, from its start
    grace_s: float  # to end by itself at its deadline
    command: tuple[str, ...]
    # of the container, but only values written in the manifest; no logins
    environment: dict[str, str]


def read_scaled_job(path: Path) -> ScaledJob:
    """Read the ScaledJob of a manifest; InvalidSettings names the file and what it lacks."""
    try:
        return _parse(yaml.safe_load(path.read_text(encoding="utf-8"))["spec"])
    except OSError as error:
        raise InvalidSettings(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidSettings(
            f"{path}: not a ScaledJob with a redis trigger ({error!r})"
        ) from None


def _parse(spec: Json) -> ScaledJob:
    triggers = [each["metadata"] for each in spec["triggers"] if each["type"] == "redis"]
    job = spec["jobTargetRef"]
    pod = job["template"]["spec"]
    container = pod["containers"][0]
    return ScaledJob(
        list_names=tuple(each["listName"] for each in triggers),
        polling_s=float(spec.get("pollingInterval", 30)),  # KEDA's default
        list_length=int(triggers[0].get("listLength", 5)),  # KEDA's default
        max_jobs=int(spec.get("maxReplicaCount", 100)),  # KEDA's default
        deadline_s=float(job.get("activeDeadlineSeconds", math.inf)),
        grace_s=float(pod.get("terminationGracePeriodSeconds", 30)),  # Kubernetes' default
        command=tuple(container["command"]),
        environment={
            each["name"]: each["value"]
            for each in container.get("env", [])
            # this machine's Redis has its own users
            if "value" in each and not each["name"].startswith("REDIS_")
        },
    )


def jobs_to_start(
    waiting: int, unfinished: int, pending: int, list_length: int, max_jobs: int
) -> int:
    """Return the number of Jobs that KEDA's `accurate` strategy creates at one poll.

    waiting: messages in the lists. unfinished: Jobs that have not ended. pending: those of them that have not popped,
    and so are still going to take a message (KEDA 2.20, pkg/scaling/executor/scale_jobs.go).
    """
    needed = min(-(-waiting // list_length), max_jobs)
    if needed + unfinished - pending > max_jobs:
        return max(0, max_jobs - unfinished)
    return max(0, needed - pending)
