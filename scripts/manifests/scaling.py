"""Does the ScaledJob start Jobs for the queue's own lists, in time, and does everything fit into the databases?"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from adapters.queue.messages import BYTES_PER_MESSAGE
from adapters.settings import Settings
from scripts.manifests.documents import Platform, Workload, amount
from scripts.manifests.environment import DEFAULTS

SCHEDULING_S = 900  # how long a Job may wait for a node before it is given up
HAND_BACK_S = 20  # consumer.settlement.PATIENCE_S: how long a terminated Job tries to hand its run back
CONNECTIONS_PER_JOB = 2  # the parent's heartbeat and the work horse's result
CONNECTIONS_PER_RECONCILER = 2
SPARE_CONNECTIONS = 20  # schema Job, backup, people
BACKUP_INTERVAL_S = 86_400  # of the CronJob's schedule
RUN_BASE_MB = 200  # what a Job's two processes hold before the run begins, generously
_MAX_CONNECTIONS = re.compile(r"--max-connections=(\d+)")
_MAXMEMORY = re.compile(r"^maxmemory (\d+)mb$", re.MULTILINE)
_POOL_SIZE = re.compile(r"^POOL_SIZE = (\d+)", re.MULTILINE)
_KEDAS_KEYS = re.compile(r"^user keda .*?(~.*) resetchannels", re.MULTILINE)


def check_times(platform: Platform) -> Iterator[str]:
    """A grace period or a deadline that ends a Job before its run could be handed back, scheduled or finished."""
    job = platform.workload("backtest")
    grace_s = job.pod["terminationGracePeriodSeconds"]
    needed_s = int((DEFAULTS | platform.config)["RUN_TIMEOUT_S"]) + SCHEDULING_S + grace_s
    if grace_s <= HAND_BACK_S:
        yield job.fault(f"expected terminationGracePeriodSeconds above the {HAND_BACK_S} s of handing back")
    if job.document.spec["jobTargetRef"]["activeDeadlineSeconds"] < needed_s:
        yield job.fault(f"expected activeDeadlineSeconds of at least {needed_s}: run, scheduling and grace")


def check_triggers(platform: Platform) -> Iterator[str]:
    """Triggers that watch other lists than the Jobs pop from, at another place, or as a user who may not."""
    config, scaled = DEFAULTS | platform.config, platform.one("ScaledJob", "backtest")
    url, logins = urlsplit(config["REDIS_URL"]), [each.name for each in platform.of_kind("TriggerAuthentication")]
    place = {
        "listLength": "1",
        "address": f"{url.hostname}.{scaled.body['metadata']['namespace']}.svc.cluster.local:{url.port}",
        "databaseIndex": url.path.strip("/") or "0",
        "username": "keda",
    }
    lists = [f"rq:queue:{name}" for name in Settings(queue_name=config["QUEUE_NAME"]).queue_names]
    triggers = scaled.spec["triggers"]
    if [trigger["metadata"]["listName"] for trigger in triggers] != lists:
        yield scaled.fault(f"expected one trigger for each of {lists}")
    users = platform.one("ConfigMap", "redis-config").body["data"]["start.sh"]
    if _KEDAS_KEYS.findall(users) != [" ".join(f"~{name}" for name in lists)]:
        yield f"k8s/redis.yaml: the user keda must be allowed to read {lists}"
    default = "sum" if len(triggers) == 1 else "max"
    if scaled.spec["scalingStrategy"].get("multipleScalersCalculation", default) != "sum":
        yield scaled.fault("expected multipleScalersCalculation sum, since a Job takes from any list")
    for trigger in triggers:
        if trigger["metadata"] != {"listName": trigger["metadata"]["listName"], **place}:
            yield scaled.fault(f"trigger {trigger['metadata']}: expected {place}")
        if trigger["authenticationRef"]["name"] not in logins:
            yield scaled.fault(f"the TriggerAuthentication {trigger['authenticationRef']['name']!r} does not exist")


def check_readiness_gate(platform: Platform) -> Iterator[str]:
    """A readiness probe that does not wait for the file which the Job writes after its pop."""
    job = platform.workload("backtest")
    file, probe = job.own_env["READY_FILE"]["value"], job.container["readinessProbe"]
    words = probe["exec"]["command"]
    if not any(file.startswith(f"{mount['mountPath']}/") for mount in job.container["volumeMounts"]):
        yield job.fault(f"READY_FILE {file!r} is not on a volume of the pod")
    if f"until test -e {file};" not in words[-1]:
        yield job.fault(f"the readiness probe does not wait for READY_FILE {file!r}")
    if words[0] != "timeout" or int(words[1]) >= probe["timeoutSeconds"]:
        yield job.fault("the readiness probe's exec is not bounded below timeoutSeconds")


def check_memory(platform: Platform) -> Iterator[str]:
    """Limits that kill a Job before its run fails by its own, or Redis while a rewrite of its file forks it."""
    job, redis = platform.workload("backtest"), platform.workload("redis")
    run_mb = int(platform.config["RUN_MEMORY_MB"]) + RUN_BASE_MB
    if run_mb > job.memory_limit_mb:
        yield job.fault(f"RUN_MEMORY_MB + {RUN_BASE_MB} exceeds the memory limit of {job.memory_limit_mb:g} MiB")
    conf = platform.one("ConfigMap", "redis-config").body["data"]["redis.conf"]
    for line in ("appendonly yes", "maxmemory-policy noeviction", "aclfile /run/redis/users.acl"):
        if line not in conf.splitlines():
            yield f"k8s/redis.yaml: redis.conf: expected the line {line!r}"
    redis_mb = int(_MAXMEMORY.findall(conf)[0])
    needed_mb = int(platform.config.get("MAX_QUEUE_DEPTH", Settings.max_queue_depth)) * BYTES_PER_MESSAGE // 2**20
    if redis_mb < needed_mb:
        yield f"k8s/redis.yaml: redis.conf: MAX_QUEUE_DEPTH messages need a maxmemory of {needed_mb}mb"
    if redis_mb * 2 > redis.memory_limit_mb:
        yield redis.fault(f"maxmemory twice, while a rewrite forks, must fit into {redis.memory_limit_mb:g} MiB")


def check_requests(platform: Platform) -> Iterator[str]:
    """Requests above their limits, with which the API server refuses every pod."""
    for workload in platform.workloads:
        resources = workload.container["resources"]
        for kind, limit in resources["limits"].items():
            if amount(resources["requests"][kind]) > amount(limit):
                yield workload.fault(f"{kind}: the request {resources['requests'][kind]} is above the limit {limit}")


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
    claimed, written = _claims(mysql).get(place), _claims(backup).get(backup.container["workingDir"])
    if claimed is None or claimed != written:
        yield mysql.fault(f"expected --log-bin on the volume of the backups, {written!r}, not {place!r}")
    if int(options.get("--binlog-expire-logs-seconds", 0)) < 2 * BACKUP_INTERVAL_S:
        yield mysql.fault(f"expected --binlog-expire-logs-seconds of at least {2 * BACKUP_INTERVAL_S}")


def _claims(workload: Workload) -> dict[str, str | None]:
    """The claim behind each path; None where there is none."""
    claims = {each["name"]: each.get("persistentVolumeClaim", {}).get("claimName") for each in workload.pod["volumes"]}
    return {mount["mountPath"]: claims.get(mount["name"]) for mount in workload.container["volumeMounts"]}


def connections(platform: Platform) -> dict[str, int]:
    """How many MySQL connections each role may hold at once, a rolling update's extra pods included."""
    web, reconciler = platform.workload("web"), platform.workload("reconciler")
    pool_size = int(_POOL_SIZE.findall(platform.text("web/platform.py"))[0])
    pods = web.document.spec["replicas"] + web.document.spec["strategy"]["rollingUpdate"]["maxSurge"]
    return {
        "Jobs": platform.one("ScaledJob", "backtest").spec["maxReplicaCount"] * CONNECTIONS_PER_JOB,
        "web": pods * int(web.own_env["WEB_CONCURRENCY"]["value"]) * (pool_size + 1),  # one for /ready
        "reconciler": (reconciler.document.spec["replicas"] + 1) * CONNECTIONS_PER_RECONCILER,
        "spare": SPARE_CONNECTIONS,
    }
