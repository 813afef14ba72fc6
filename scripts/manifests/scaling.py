"""Does everything that the ScaledJob may start fit into the databases, and what they write onto their volumes?"""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

from adapters.queue.messages import BYTES_PER_MESSAGE
from adapters.settings import Settings
from scripts.manifests.documents import Platform, Workload, amount

WARM = "keda/warm/patch.json"
CONNECTIONS_PER_JOB = 2  # the parent's heartbeat and the work horse's result
CONNECTIONS_PER_RECONCILER = 2
SPARE_CONNECTIONS = 20  # schema Job, backup, people
BACKUP_INTERVAL_S = 86_400  # of the CronJob's schedule
RUN_BASE_MB = 200  # what a Job's two processes hold before the run begins, generously
_MAX_CONNECTIONS = re.compile(r"--max-connections=(\d+)")
_MAXMEMORY = re.compile(r"^maxmemory (\d+)mb$", re.MULTILINE)
_POOL_SIZE = re.compile(r"^POOL_SIZE = (\d+)", re.MULTILINE)


def check_memory(platform: Platform) -> Iterator[str]:
    """Limits that kill a Job before its run fails by its own, or Redis while a rewrite of its file forks it."""
    job, redis = platform.workload("backtest"), platform.workload("redis")
    run_mb = int(platform.config["RUN_MEMORY_MB"]) + RUN_BASE_MB
    if run_mb > job.memory_limit_mb:
        yield job.fault(
            f"RUN_MEMORY_MB + {RUN_BASE_MB} exceeds the memory limit of {job.memory_limit_mb:g} MiB"
        )
    conf = platform.one("ConfigMap", "redis-config").body["data"]["redis.conf"]
    redis_mb = int(_MAXMEMORY.findall(conf)[0])
    needed_mb = (
        int(platform.config.get("MAX_QUEUE_DEPTH", Settings.max_queue_depth))
        * BYTES_PER_MESSAGE
        // 2**20
    )
    if redis_mb < needed_mb:
        yield f"k8s/redis.yaml: redis.conf: MAX_QUEUE_DEPTH messages need a maxmemory of {needed_mb}mb"
    if redis_mb * 2 > redis.memory_limit_mb:
        yield redis.fault(
            f"maxmemory twice, while a rewrite forks, must fit into {redis.memory_limit_mb:g} MiB"
        )


def check_idle_time(platform: Platform) -> Iterator[str]:
    """Waiting Jobs (keda/warm) that would still wait, or work, when their deadline fails them."""
    patched = _patched(
        platform.one("ScaledJob", "backtest").body, json.loads(platform.text(WARM))
    )
    target = patched["spec"]["jobTargetRef"]
    pod = target["template"]["spec"]
    env = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    run_s = int(platform.config.get("RUN_TIMEOUT_S", Settings.run_timeout_s))
    most_s = target["activeDeadlineSeconds"] - run_s - pod["terminationGracePeriodSeconds"]
    if int(env["IDLE_S"]) > most_s:
        yield f"{WARM}: IDLE_S is {env['IDLE_S']}; deadline, run limit and grace leave {most_s} s"
    probe = pod["containers"][0]["readinessProbe"]
    if not int(env["IDLE_S"]) < int(probe["exec"]["command"][1]) < probe["timeoutSeconds"]:
        yield f"{WARM}: the readiness probe has to outlast IDLE_S, and its exec to end before the probe does"


def _patched(body: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """A copy of an object with a JSON patch of RFC 6902, of which `replace` and `add` to a list's end are known."""
    body = copy.deepcopy(body)
    for step in patch:
        *path, last = step["path"].split("/")[1:]
        place: Any = body
        for name in path:
            place = place[int(name) if isinstance(place, list) else name]
        if step["op"] == "add":
            place.append(step["value"])
        else:
            place[int(last) if isinstance(place, list) else last] = step["value"]
    return body


def check_requests(platform: Platform) -> Iterator[str]:
    """Requests above their limits, with which the API server refuses every pod."""
    for workload in platform.workloads:
        resources = workload.container["resources"]
        for kind, limit in resources["limits"].items():
            if amount(resources["requests"][kind]) > amount(limit):
                yield workload.fault(
                    f"{kind}: the request {resources['requests'][kind]} is above the limit {limit}"
                )


def check_connections(platform: Platform) -> Iterator[str]:
    """A MySQL that would refuse connections when every Job and every web thread holds one."""
    mysql, needed = platform.workload("mysql"), connections(platform)
    allowed = int(_MAX_CONNECTIONS.findall(" ".join(mysql.container["args"]))[0])
    if sum(needed.values()) > allowed:
        shown = " + ".join(f"{count} ({who})" for who, count in needed.items())
        yield mysql.fault(f"max_connections is {allowed}, and {shown} may be needed")


def check_backups(platform: Platform) -> Iterator[str]:
    """A binary log that would be lost with the data, or that is gone before the next two backups."""
    mysql, backup = platform.workload("mysql"), platform.workload("backup")
    options = dict(arg.split("=", 1) for arg in mysql.container["args"])
    place = options.get("--log-bin", "").rpartition("/")[0]
    claimed, written = (
        _claims(mysql).get(place),
        _claims(backup).get(backup.container["workingDir"]),
    )
    if claimed is None or claimed != written:
        yield mysql.fault(
            f"expected --log-bin on the volume of the backups, {written!r}, not {place!r}"
        )
    if int(options.get("--binlog-expire-logs-seconds", 0)) < 2 * BACKUP_INTERVAL_S:
        yield mysql.fault(
            f"expected --binlog-expire-logs-seconds of at least {2 * BACKUP_INTERVAL_S}"
        )


def _claims(workload: Workload) -> dict[str, str | None]:
    """The claim behind each path; None where there is none."""
    claims = {
        each["name"]: each.get("persistentVolumeClaim", {}).get("claimName")
        for each in workload.pod["volumes"]
    }
    return {
        mount["mountPath"]: claims.get(mount["name"])
        for mount in workload.container["volumeMounts"]
    }


def connections(platform: Platform) -> dict[str, int]:
    """How many MySQL connections each role may hold at once, a rolling update's extra pods included."""
    web, reconciler = platform.workload("web"), platform.workload("reconciler")
    pool_size = int(_POOL_SIZE.findall(platform.text("web/platform.py"))[0])
    pods = (
        web.document.spec["replicas"] + web.document.spec["strategy"]["rollingUpdate"]["maxSurge"]
    )
    return {
        "Jobs": platform.one("ScaledJob", "backtest").spec["maxReplicaCount"]
        * CONNECTIONS_PER_JOB,
        # one for /ready
        "web": pods * int(web.own_env["WEB_CONCURRENCY"]["value"]) * (pool_size + 1),
        "reconciler": (reconciler.document.spec["replicas"] + 1) * CONNECTIONS_PER_RECONCILER,
        "spare": SPARE_CONNECTIONS,
    }
