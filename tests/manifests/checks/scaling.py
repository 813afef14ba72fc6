"""Limits: all that the ScaledJob may start fits into the databases, and what they write onto their volumes."""

import json
import re
from collections.abc import Iterator

from adapters.queue.messages import BYTES_PER_MESSAGE
from tests.manifests.checks.documents import Platform, Workload

WARM = "keda/warm/patch.json"
CONNECTIONS_PER_JOB = 2  # the parent's heartbeat and the child process's result
CONNECTIONS_PER_RECONCILER = 3  # of its work, twice, and its lead's
SPARE_CONNECTIONS = 20  # schema Job, backup, people
BACKUP_INTERVAL_S = 86_400  # of the CronJob's schedule
RUN_BASE_MB = 200  # what a Job's two processes hold before the run begins, generously


def check_memory(platform: Platform) -> Iterator[str]:
    """Limits that kill a Job before its run fails by its own, or Redis while a rewrite of its file forks it."""
    job, redis = platform.workload("backtest"), platform.workload("redis")
    run_mb = int(platform.settings["RUN_MEMORY_MB"]) + RUN_BASE_MB
    if run_mb > job.memory_limit_mb:
        yield job.fault(
            f"RUN_MEMORY_MB + {RUN_BASE_MB} exceeds the memory limit of {job.memory_limit_mb:g} MiB"
        )
    conf = platform.one("ConfigMap", "redis-config").body["data"]["redis.conf"]
    redis_mb = int(re.findall(r"(?m)^maxmemory (\d+)mb$", conf)[0])
    depth = int(platform.settings["MAX_QUEUE_DEPTH"])
    needed_mb = depth * BYTES_PER_MESSAGE // 2**20
    if redis_mb < needed_mb:
        yield f"k8s/redis.yaml: redis.conf: MAX_QUEUE_DEPTH messages need a maxmemory of {needed_mb}mb"
    if redis_mb * 2 > redis.memory_limit_mb:
        yield redis.fault(
            f"maxmemory twice, while a rewrite forks, must fit into {redis.memory_limit_mb:g} MiB"
        )


def check_cores(platform: Platform) -> Iterator[str]:
    """Programs that Jobs depend on, and that Jobs starve of CPU where cores are few."""
    of_job = platform.workload("backtest").requested_cores
    for name in ("mysql", "redis", "reconciler", "web"):
        workload = platform.workload(name)
        if workload.requested_cores < of_job:
            yield workload.fault(
                f"requests {workload.requested_cores:g} cores; a Job, which has to leave it some, requests {of_job:g}"
            )


def check_idle_time(platform: Platform) -> Iterator[str]:
    """Waiting Jobs (keda/warm) that would still wait, or work, when their deadline fails them."""
    job, run_s = platform.workload("backtest"), int(platform.settings["RUN_TIMEOUT_S"])
    deadline_s = job.spec["jobTargetRef"]["activeDeadlineSeconds"]
    most_s = deadline_s - run_s - job.pod["terminationGracePeriodSeconds"]
    patch = {
        step["path"].partition("/containers/0/")[2]: step["value"]
        for step in json.loads(platform.text(WARM))
    }
    idle_s, exec_s = int(patch["env/-"]["value"]), int(patch["readinessProbe/exec/command/1"])
    if idle_s > most_s:
        yield f"{WARM}: IDLE_S is {idle_s}; deadline, run limit and grace leave {most_s} s"
    if not idle_s < exec_s < patch["readinessProbe/timeoutSeconds"]:
        yield f"{WARM}: the readiness probe has to outlast IDLE_S, and its exec to end before the probe does"


def check_connections(platform: Platform) -> Iterator[str]:
    """A MySQL that would refuse connections when every Job and every web thread holds one."""
    mysql, needed = platform.workload("mysql"), connections(platform)
    allowed = int(_options(mysql)["--max-connections"])
    if sum(needed.values()) > allowed:
        sum_text = " + ".join(f"{count} ({who})" for who, count in needed.items())
        yield mysql.fault(f"max_connections is {allowed}, and {sum_text} may be needed")


def check_backups(platform: Platform) -> Iterator[str]:
    """A binary log that would be lost with the data, or that is gone before the next two backups."""
    mysql, backup = platform.workload("mysql"), platform.workload("backup")
    options = _options(mysql)
    place = options.get("--log-bin", "").rpartition("/")[0]
    written = _claims(backup).get(backup.container["workingDir"])
    if written is None or _claims(mysql).get(place) != written:
        yield mysql.fault(
            f"expected --log-bin on the volume of the backups, {written!r}, not {place!r}"
        )
    if int(options.get("--binlog-expire-logs-seconds", 0)) < 2 * BACKUP_INTERVAL_S:
        yield mysql.fault(
            f"expected --binlog-expire-logs-seconds of at least {2 * BACKUP_INTERVAL_S}"
        )


def _options(workload: Workload) -> dict[str, str]:
    return dict(arg.split("=", 1) for arg in workload.container["args"])


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
    """Return the MySQL connections of each role at most, with the extra pods of a rolling update."""
    web, reconciler = platform.workload("web"), platform.workload("reconciler")
    pool_size = int(re.findall(r"(?m)^POOL_SIZE = (\d+)", platform.text("web/app.py"))[0])
    spec, job_spec = web.spec, platform.one("ScaledJob", "backtest").spec
    # waiting Jobs by a cron trigger (keda/warm) count within maxReplicaCount
    jobs = job_spec["maxReplicaCount"] + job_spec.get("minReplicaCount", 0)
    pods = spec["replicas"] + spec["strategy"]["rollingUpdate"]["maxSurge"]
    return {
        "Jobs": jobs * CONNECTIONS_PER_JOB,
        # one for /ready
        "web": pods * int(web.own_env["WEB_CONCURRENCY"]["value"]) * (pool_size + 1),
        "reconciler": (reconciler.spec["replicas"] + 1) * CONNECTIONS_PER_RECONCILER,
        "spare": SPARE_CONNECTIONS,
    }
