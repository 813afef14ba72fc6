"""Does the ScaledJob keep what was learnt about one Job per message, and does everything fit into the databases?"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from adapters.queue.messages import BYTES_PER_MESSAGE
from adapters.settings import Settings
from scripts.manifests.documents import Document, Platform
from scripts.manifests.quantities import mebibytes
from scripts.manifests.sources import constant

SCHEDULING_S = 900  # how long a Job may wait for a node before it is given up
HAND_BACK_S = 20  # consumer.settlement.PATIENCE_S: how long a terminated Job tries to hand its run back
CONNECTIONS_PER_JOB = 2  # the parent's heartbeat and the work horse's result
CONNECTIONS_PER_RECONCILER = 2
SPARE_CONNECTIONS = 20  # schema Job, backups, people
RUN_BASE_MB = 200  # what a Job's two processes hold before the run begins, generously


def check_delivery(platform: Platform) -> Iterator[str]:
    """Numbers and strategies that would lose, repeat or delay messages."""
    for document in platform.of_kind("ScaledJob"):
        spec, job = document.spec, document.spec["jobTargetRef"]
        pod, run_s = job["template"]["spec"], int(platform.config["RUN_TIMEOUT_S"])
        grace_s = pod.get("terminationGracePeriodSeconds", 30)
        facts = {
            "strategy accurate: messages are popped at start": spec["scalingStrategy"].get("strategy") == "accurate",
            "pendingPodConditions [Ready]: or polls before the pop make Jobs that find nothing": (
                spec["scalingStrategy"].get("pendingPodConditions") == ["Ready"]
            ),
            "rollout gradual: the default deletes running Jobs upon any edit": (
                spec["rollout"].get("strategy") == "gradual"
            ),
            "multipleScalersCalculation sum: a Job takes from either list": (
                spec["scalingStrategy"].get("multipleScalersCalculation") == "sum"
            ),
            "pollingInterval of 1 to 5 s": 1 <= spec["pollingInterval"] <= 5,
            "minReplicaCount 0": spec.get("minReplicaCount", 0) == 0,
            "successfulJobsHistoryLimit 0": spec.get("successfulJobsHistoryLimit") == 0,
            "failedJobsHistoryLimit of at least 500, since KEDA does not remove the oldest first": (
                spec.get("failedJobsHistoryLimit", 100) >= 500
            ),
            "ttlSecondsAfterFinished": job.get("ttlSecondsAfterFinished", 0) > 0,
            "parallelism 1 and completions 1": (job.get("parallelism"), job.get("completions")) == (1, 1),
            "backoffLimit 0: a replacement pod pops another message": job.get("backoffLimit") == 0,
            "restartPolicy Never: a restarted container pops another message": pod.get("restartPolicy") == "Never",
            f"terminationGracePeriodSeconds above the {HAND_BACK_S} s of handing back": grace_s > HAND_BACK_S,
            f"activeDeadlineSeconds of at least {run_s} + {SCHEDULING_S} + {grace_s}": (
                job.get("activeDeadlineSeconds", 0) >= run_s + SCHEDULING_S + grace_s
            ),
            "an exec-form command, so that Python is PID 1 and hears SIGTERM": (
                pod["containers"][0].get("command", [""])[0] == "python"
            ),
        }
        yield from (document.fault(f"expected {fact}") for fact, holds in facts.items() if not holds)


def check_trigger(platform: Platform) -> Iterator[str]:
    """A trigger that watches another list, server, database or user than the one the Jobs pop from."""
    config = platform.config
    url = urlsplit(config["REDIS_URL"])
    for document in platform.of_kind("ScaledJob"):
        triggers, namespace = document.spec["triggers"], document.body["metadata"]["namespace"]
        lists = [f"rq:queue:{name}" for name in Settings(queue_name=config["QUEUE_NAME"]).queue_names]
        if len(triggers) != len(lists):
            yield document.fault(f"expected a trigger for each of {', '.join(lists)}")
        for trigger, list_name in zip(triggers, lists, strict=False):
            expected = {
                "listName": list_name,
                "listLength": "1",
                "address": f"{url.hostname}.{namespace}.svc.cluster.local:{url.port}",
                "databaseIndex": url.path.strip("/") or "0",
            }
            for key, value in expected.items():
                if (found := trigger["metadata"].get(key)) != value:
                    yield document.fault(f"trigger {key}: expected {value!r}, found {found!r}")
            name = trigger["authenticationRef"]["name"]
            if name not in [each.name for each in platform.of_kind("TriggerAuthentication")]:
                yield document.fault(f"the TriggerAuthentication {name!r} does not exist")
            yield from _user_faults(platform, document, trigger["metadata"], lists)


def _user_faults(platform: Platform, document: Document, metadata: dict[str, Any], lists: list[str]) -> Iterator[str]:
    keys = redis_users(platform).get(metadata.get("username", ""))
    if keys is None:
        yield document.fault(f"trigger username {metadata.get('username')!r} is not a user of k8s/redis.yaml")
    elif keys.split() != [f"~{each}" for each in lists]:
        yield document.fault(f"the user {metadata['username']} may read {keys}, and the triggers {', '.join(lists)}")


def redis_users(platform: Platform) -> dict[str, str]:
    """Each Redis user of k8s/redis.yaml and the key patterns that it may touch."""
    script = platform.one("ConfigMap", "redis-config").body.get("data", {}).get("start.sh", "")
    return dict(re.findall(r'^user (\w+) on #\$\(hash "\$\w+"\) (~.*?) resetchannels', script, re.MULTILINE))


def check_redis_users(platform: Platform) -> Iterator[str]:
    """Roles that log in as users whom Redis does not know."""
    for workload in platform.workloads:
        user = workload.own_env.get("REDIS_USERNAME", {}).get("value")
        if "REDIS_PASSWORD" in workload.own_env and user not in redis_users(platform):
            yield workload.fault(f"REDIS_USERNAME {user!r} is not a user of k8s/redis.yaml")


def check_readiness_gate(platform: Platform) -> Iterator[str]:
    """A readiness probe that does not wait for the file which the Job writes after its pop."""
    for document in platform.of_kind("ScaledJob"):
        container = document.spec["jobTargetRef"]["template"]["spec"]["containers"][0]
        probe, mounts = container.get("readinessProbe", {}), container.get("volumeMounts", [])
        file = next((each["value"] for each in container["env"] if each["name"] == "READY_FILE"), "")
        words = probe.get("exec", {}).get("command", [])
        if not file or not any(file.startswith(f"{each['mountPath']}/") for each in mounts):
            yield document.fault(f"READY_FILE {file!r} is not on a volume of the pod")
        if f"until test -e {file};" not in " ".join(words):
            yield document.fault(f"the readiness probe does not wait for READY_FILE {file!r}")
        if words[:1] != ["timeout"] or int(words[1]) >= probe.get("timeoutSeconds", 1):
            yield document.fault("the readiness probe's exec is not bounded below timeoutSeconds")


def check_run_memory(platform: Platform) -> Iterator[str]:
    """A memory limit that kills the pod before the run reaches its own limit and fails with a reason."""
    for document in platform.of_kind("ScaledJob"):
        container = document.spec["jobTargetRef"]["template"]["spec"]["containers"][0]
        limit_mb = mebibytes(container["resources"]["limits"]["memory"])
        run_mb = int(platform.config["RUN_MEMORY_MB"])
        if run_mb + RUN_BASE_MB > limit_mb:
            yield document.fault(f"RUN_MEMORY_MB {run_mb} + {RUN_BASE_MB} exceeds the memory limit of {limit_mb:g} MiB")


def check_redis_memory(platform: Platform) -> Iterator[str]:
    """A Redis that may grow to its pod's limit: rewriting its file forks it, and the kernel would kill it."""
    data = platform.one("ConfigMap", "redis-config").body.get("data", {}).get("redis.conf", "")
    for line in ("appendonly yes", "maxmemory-policy noeviction", "aclfile /run/redis/users.acl"):
        if line not in data.splitlines():
            yield f"k8s/redis.yaml: redis.conf: expected the line {line!r}"
    found = re.search(r"^maxmemory (\d+)mb$", data, re.MULTILINE)
    depth = int(platform.config.get("MAX_QUEUE_DEPTH", Settings.max_queue_depth))
    needed_mb = depth * BYTES_PER_MESSAGE // 2**20
    if found and int(found[1]) < needed_mb:
        yield f"k8s/redis.yaml: redis.conf: {depth} messages (MAX_QUEUE_DEPTH) need a maxmemory of {needed_mb}mb"
    for workload in platform.workloads:
        if workload.document.name == "redis":
            limit_mb = mebibytes(workload.container["resources"]["limits"]["memory"])
            if not found or int(found[1]) * 2 > limit_mb:
                yield workload.fault(f"maxmemory twice, while a rewrite forks, must fit into {limit_mb:g} MiB")


def check_connections(platform: Platform) -> Iterator[str]:
    """A MySQL that would refuse connections when every Job and every web thread holds one."""
    needed = connections(platform)
    for workload in platform.workloads:
        if workload.document.name == "mysql":
            found = re.search(r"--max-connections=(\d+)", " ".join(workload.container.get("args", [])))
            allowed = int(found[1]) if found else 151  # MySQL's default
            if sum(needed.values()) > allowed:
                shown = " + ".join(f"{count} ({who})" for who, count in needed.items())
                yield workload.fault(f"max_connections is {allowed}, and {shown} may be needed")


def connections(platform: Platform) -> dict[str, int]:
    """How many MySQL connections each role may hold at once, a rolling update's extra pods included."""
    web, reconciler = platform.one("Deployment", "web"), platform.one("Deployment", "reconciler")
    servers = [each.own_env["WEB_CONCURRENCY"]["value"] for each in platform.workloads if each.document is web]
    per_web = int(servers[0]) * constant(platform.root, "web/platform.py", "POOL_SIZE")
    return {
        "Jobs": platform.of_kind("ScaledJob")[0].spec["maxReplicaCount"] * CONNECTIONS_PER_JOB,
        "web": (web.spec["replicas"] + web.spec["strategy"]["rollingUpdate"]["maxSurge"]) * per_web,
        "reconciler": (reconciler.spec["replicas"] + 1) * CONNECTIONS_PER_RECONCILER,
        "spare": SPARE_CONNECTIONS,
    }
