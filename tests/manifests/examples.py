"""For every check of the manifests: which value is spoilt, with what, and what the fault must say."""

from __future__ import annotations

from typing import Any

from tests.manifests.checks.documents import Platform

GONE = object()  # in place of a value: the key is deleted
CONFIG, TIMES = "ConfigMap/stock-backtest-config data", "ScaledJob/backtest spec jobTargetRef"
TRIGGER = "ScaledJob/backtest spec triggers 0"
LOGIN = "TriggerAuthentication/backtest-redis spec secretTargetRef 0"
SECRET = "Secret/stock-backtest-secrets stringData"
REDIS = "ConfigMap/redis-config data redis.conf"
ENDPOINT = "ServiceMonitor/stock-backtest spec endpoints 0"
SAFE = "appendonly yes\nmaxmemory-policy noeviction\naclfile /run/redis/users.acl\n"

# check → where (object, pod:<workload> or container:<workload>, then keys; + appends), what, the fault
EXAMPLES: dict[str, list[tuple[str, Any, str]]] = {
    "check_schemas": [
        ("Deployment/web spec replica", 2, "'replica' was unexpected"),
        ("Service/web apiVersion", "v2", "Couldn't find schema for kind Service"),
        (f"{CONFIG} LEASE_S", 60, "data.LEASE_S: 60 is not"),
        ("ScaledJob/backtest spec pollInterval", 1, "'pollInterval' was unexpected"),
        (f"{TRIGGER} metadata listLength", 1, "1 is not of type 'string'"),
        (f"{TIMES} backofLimit", 0, "'backofLimit' was unexpected"),
        ("container:backtest readinesProbe", {}, "'readinesProbe' was unexpected"),
        (f"{LOGIN} key", GONE, "'key' is a required property"),
        (
            "Application/stock-backtest spec sources 0 directory recursive",
            True,
            "'recursive' was unexpected",
        ),
        (f"{ENDPOINT} interval", 15, "15 is not of type 'string'"),
        (
            "PrometheusRule/stock-backtest spec groups 0 rules 0 expression",
            "1",
            "'expression' was unexpected",
        ),
    ],
    "check_house_rules": [
        ("Service/web metadata namespace", "default", "'stock-backtest' was expected"),
        (
            "Namespace/stock-backtest metadata labels",
            {},
            "pod-security.kubernetes.io/enforce' is a required",
        ),
        ("StatefulSet/mysql metadata annotations", GONE, "'annotations' is a required property"),
        (
            "PersistentVolumeClaim/mysql-backups metadata annotations",
            GONE,
            "'annotations' is a required property",
        ),
        ("ServiceAccount/web kind", "Role", "'Role' should not be valid"),
        (
            "ServiceAccount/web automountServiceAccountToken",
            GONE,
            "automountServiceAccountToken' is a required",
        ),
        (
            "PriorityClass/stock-backtest-jobs value",
            0,
            "0 is greater than or equal to the maximum of 0",
        ),
        (
            "PodDisruptionBudget/web spec unhealthyPodEvictionPolicy",
            GONE,
            "'unhealthyPodEvictionPolicy' is a required",
        ),
        ("pod:backtest priorityClassName", "none", "'none' is not one of"),
        ("Application/stock-backtest spec sources 1", GONE, "is too short"),
        (
            "Application/stock-backtest spec sources 0 directory recurse",
            True,
            "{'recurse': False} was expected",
        ),
        (
            "Application/stock-backtest spec syncPolicy automated selfHeal",
            False,
            "True was expected",
        ),
        ("container:schema image", "ghcr.io/owner/stock-backtest:latest", "does not match"),
        ("container:redis image", "redis:7", "does not match"),
        ("container:redis livenessProbe", GONE, "'livenessProbe' is a dependency of 'ports'"),
        ("container:mysql resources limits memory", GONE, "'memory' is a required property"),
        (
            "container:web securityContext allowPrivilegeEscalation",
            GONE,
            "'allowPrivilegeEscalation' is a required",
        ),
        (
            "container:mysql securityContext readOnlyRootFilesystem",
            GONE,
            "'readOnlyRootFilesystem' is a required",
        ),
        (
            "container:web securityContext capabilities add",
            ["NET_RAW"],
            "{'drop': ['ALL']} was expected",
        ),
        ("container:web securityContext privileged", True, "'privileged' is not one of"),
        ("container:web securityContext runAsUser", 0, "'runAsUser' is not one of"),
        ("pod:web securityContext runAsUser", 0, "0 is less than the minimum of 1"),
        ("pod:web securityContext runAsNonRoot", GONE, "'runAsNonRoot' is a required property"),
        (
            "pod:redis securityContext seccompProfile",
            GONE,
            "'seccompProfile' is a required property",
        ),
        ("pod:web hostNetwork", True, "'hostNetwork' should not be valid"),
        (
            "pod:backtest automountServiceAccountToken",
            GONE,
            "'automountServiceAccountToken' is a required",
        ),
        ("pod:backtest enableServiceLinks", GONE, "'enableServiceLinks' is a required property"),
        (
            "pod:web volumes +",
            {"name": "host", "hostPath": {"path": "/"}},
            "'hostPath' is not one of",
        ),
        ("pod:web volumes 0 emptyDir", {}, "'sizeLimit' is a required property"),
        (f"{CONFIG} SECRET_KEY", "x", "'SECRET_KEY' should not be valid"),
        (
            "container:web env +",
            {"name": "REDIS_PASSWORD", "value": "x"},
            "'valueFrom' is a required property",
        ),
        ("container:redis command +", "$(WEB_PASSWORD)", "'$(WEB_PASSWORD)' should not be valid"),
        (
            "container:mysql args +",
            "$(MYSQL_PASSWORD)",
            "'$(MYSQL_PASSWORD)' should not be valid",
        ),
        ("container:backtest command", ["sh", "-c", "python"], "'python' was expected"),
        ("pod:backtest restartPolicy", "OnFailure", "'Never' was expected"),
        ("ScaledJob/backtest spec scalingStrategy strategy", "eager", "'accurate' was expected"),
        (
            "ScaledJob/backtest spec scalingStrategy pendingPodConditions",
            GONE,
            "'pendingPodConditions' is a required",
        ),
        ("ScaledJob/backtest spec rollout strategy", "default", "'gradual' was expected"),
        ("ScaledJob/backtest spec pollingInterval", 30, "30 is greater than the maximum of 5"),
        ("ScaledJob/backtest spec minReplicaCount", 1, "0 was expected"),
        (
            "ScaledJob/backtest spec successfulJobsHistoryLimit",
            GONE,
            "'successfulJobsHistoryLimit' is a required",
        ),
        (
            "ScaledJob/backtest spec failedJobsHistoryLimit",
            GONE,
            "'failedJobsHistoryLimit' is a required",
        ),
        (
            f"{TIMES} ttlSecondsAfterFinished",
            GONE,
            "'ttlSecondsAfterFinished' is a required property",
        ),
        (f"{TIMES} parallelism", 2, "1 was expected"),
        (f"{TIMES} backoffLimit", GONE, "'backoffLimit' is a required property"),
        ("pod:web serviceAccountName", "default", "serviceAccountName: 'default' is not one of"),
        (
            "container:reconciler volumeMounts",
            [],
            "volumeMounts: [] does not contain items matching",
        ),
        (
            "pod:mysql volumes 0 persistentVolumeClaim claimName",
            "x",
            "claimName: 'x' is not one of ['mysql-backups",
        ),
        (
            "container:web livenessProbe httpGet path",
            "/healthz",
            "livenessProbe.httpGet.path: '/healthz' is not one of",
        ),
        (
            "container:web readinessProbe httpGet port",
            "web",
            "readinessProbe.httpGet.port: 'http' was expected",
        ),
        (
            "Service/web spec ports 0 name",
            "www",
            "{'name': 'web', 'port': {'name': 'http'}} is not one of",
        ),
        (f"{ENDPOINT} path", "/prometheus", "path: '/prometheus' is not one of"),
        (
            "NetworkPolicy/redis spec ingress 0 from 1",
            GONE,
            "does not contain items matching the given schema",
        ),
        (
            "NetworkPolicy/deny-by-default spec policyTypes 0",
            GONE,
            "'policyTypes': ['Ingress', 'Egress']} was expected",
        ),
        (f"{CONFIG} QUEUE", "backtests", "'QUEUE' is not one of"),
        ("container:web env +", {"name": "TOKEN", "value": "x"}, "'TOKEN' is not one of"),
        (f"{CONFIG} DB_NAME", "runs", "'runs' was expected"),
        (f"{SECRET} redis-keda-password", GONE, "'redis-keda-password' is not one of"),
        (f"{SECRET} spare", "change-me", "'spare' is not one of"),
        (f"{SECRET} secret-key", "Zm9vYmFy", "'change-me' was expected"),
        (f"{LOGIN} name", "x", "'stock-backtest-secrets' was expected"),
        (
            "pod:backtest terminationGracePeriodSeconds",
            5,
            "5 is less than or equal to the minimum of 20",
        ),
        (f"{CONFIG} RUN_TIMEOUT_S", "3600", "1230 is less than the minimum of 4530"),
        (f"{CONFIG} QUEUE_NAME", "runs", "'listName': 'rq:queue:runs'"),
        (
            f"{TRIGGER} metadata listName",
            "rq:queue:others",
            "'listName': 'rq:queue:backtests', 'listLength'",
        ),
        (
            "ScaledJob/backtest spec scalingStrategy multipleScalersCalculation",
            "max",
            "'sum' was expected",
        ),
        (TRIGGER, GONE, "$.spec.triggers: "),
        (f"{CONFIG} REDIS_URL", "redis://redis:6379/3", "'databaseIndex': '3'"),
        (f"{TRIGGER} metadata listLength", "5", "'listLength': '1'"),
        (
            f"{TRIGGER} metadata address",
            "redis:6379",
            "'address': 'redis.stock-backtest.svc.cluster.local:6379'",
        ),
        (f"{TRIGGER} metadata username", "web", "'username': 'keda'"),
        (f"{TRIGGER} metadata password", "x", "$.spec.triggers: "),
        (
            f"{TRIGGER} authenticationRef name",
            "x",
            "'authenticationRef': {'name': 'backtest-redis'}",
        ),
        (
            "ConfigMap/redis-config data start.sh",
            "user keda on ~rq:* resetchannels",
            "does not match '(?m)^user keda",
        ),
        (
            REDIS,
            "appendonly yes\nmaxmemory 768mb\n",
            "does not match '(?m)^maxmemory-policy noeviction$'",
        ),
        (
            "container:backtest env +",
            {"name": "READY_FILE", "value": "/app/popped"},
            "'/tmp/popped' was expected",
        ),
        (
            "container:backtest readinessProbe exec command 4",
            "true",
            "until test -e /tmp/popped; do sleep 0.1; done",
        ),
        (
            "container:backtest readinessProbe timeoutSeconds",
            60,
            "60 is less than or equal to the minimum of 60",
        ),
    ],
    "check_services": [
        (
            "Service/redis spec selector app.kubernetes.io/name",
            "x",
            "'redis' is not a port of the pods it selects",
        ),
        ("Service/web spec ports 0 targetPort", "web", "targetPort 'web' is not a port"),
        (
            "Service/web spec selector app.kubernetes.io/component",
            GONE,
            "not a port of the pods it selects",
        ),
    ],
    "check_addresses": [
        (f"{CONFIG} DB_HOST", "database", "no Service 'database' has the port 3306"),
        (f"{CONFIG} REDIS_URL", "redis://redis:6380/0", "no Service 'redis' has the port 6380"),
    ],
    "check_arrows": [
        ("NetworkPolicy/to-mysql spec podSelector matchExpressions 0 values 1", GONE, "'worker'"),
        (
            "NetworkPolicy/to-redis spec podSelector matchExpressions 0 values +",
            "schema",
            "allows ['reconciler', 'sch",
        ),
        (
            "NetworkPolicy/mysql spec ingress 0 from 0 podSelector matchExpressions 0 values 0",
            GONE,
            "DB_PASSWORD is",
        ),
    ],
    "check_settings": [
        (f"{CONFIG} LEASE_S", "30.0", "LEASE_S repeats the default"),
        ("container:web env +", {"name": "WEB_HOST", "value": "::"}, "a setting appears twice"),
        (f"{CONFIG} HEARTBEAT_S", "50", "HEARTBEAT_S=50: at most half of LEASE_S"),
        ("container:schema env", GONE, "DB_PASSWORD is missing, since DB_HOST is set"),
    ],
    "check_database_users": [
        (
            "container:web env +",
            {"name": "DB_USER", "value": "root"},
            "does not make 'root' with the password of",
        ),
        (
            "container:web env +",
            {"name": "DB_USER", "value": "worker"},
            "does not make 'worker' with the password of",
        ),
        (
            "ConfigMap/mysql-users data users.sh",
            "",
            "does not make 'inspect', to whom adapters/grants.py",
        ),
    ],
    "check_compose": [
        ("container:redis image", "redis:7.4.5", "redis:7.4.6 here, redis:7.4.5 in the cluster"),
        ("container:reconciler command", ["python"], "reconciler: its command differs"),
        (
            "ConfigMap/mysql-users data users.sh",
            "true",
            "another script than that of k8s/mysql.yaml",
        ),
    ],
    "check_memory": [
        (
            f"{CONFIG} RUN_MEMORY_MB",
            "2048",
            "RUN_MEMORY_MB + 200 exceeds the memory limit of 1024 MiB",
        ),
        (REDIS, f"{SAFE}maxmemory 1200mb\n", "maxmemory twice, while a rewrite forks"),
        (f"{CONFIG} MAX_QUEUE_DEPTH", "1000000", "MAX_QUEUE_DEPTH messages need a maxmemory of"),
    ],
    "check_cores": [
        ("container:reconciler resources requests cpu", "50m", "requests 0.05 cores; a Job"),
        ("container:redis resources requests cpu", 0.1, "requests 0.1 cores; a Job"),
    ],
    "check_idle_time": [
        (
            f"{TIMES} activeDeadlineSeconds",
            1200,
            "IDLE_S is 900; deadline, run limit and grace leave 870 s",
        ),
    ],
    "check_backups": [
        (
            "container:mysql args",
            ["--log-bin=/var/lib/mysql/x"],
            "expected --log-bin on the volume of the backups",
        ),
        (
            "container:backup workingDir",
            "/tmp",
            "expected --log-bin on the volume of the backups",
        ),
        (
            "container:mysql args",
            ["--log-bin=/backups/binlog"],
            "--binlog-expire-logs-seconds of at least 172800",
        ),
    ],
    "check_connections": [
        (
            "ScaledJob/backtest spec maxReplicaCount",
            500,
            "max_connections is 250, and 1000 (Jobs)",
        ),
        ("container:web env +", {"name": "WEB_CONCURRENCY", "value": "16"}, "432 (web)"),
    ],
    "check_image": [
        (
            "container:backtest image",
            "ghcr.io/owner/stock-backtest:0123abc",
            "one build for all roles",
        ),
        ("pod:web securityContext runAsUser", 1000, "the Dockerfile has no line USER 1000:1000"),
        ("container:web ports 0 containerPort", 8080, "the Dockerfile has no line EXPOSE 8080"),
        ("container:web command", ["gunicorn"], 'the Dockerfile has no line CMD ["gunicorn"]'),
    ],
    "check_folders": [("Service/web kind", "Secret", "must not be where kubectl apply -f k8s/")],
    "check_metrics": [
        (
            "PrometheusRule/stock-backtest spec groups 0 rules 0 expr",
            "max(backtest_jobs_total)",
            "no metric backtest_jobs",
        ),
        (
            "ConfigMap/stock-backtest-dashboard data x.json",
            '{"expr": "backtest_pods > 0"}',
            "no metric backtest_pods",
        ),
    ],
    "check_scraping": [
        (f"{ENDPOINT} port", "metrics", "no Service that it selects has the port 'metrics'"),
    ],
}


def spoil(platform: Platform, where: str, value: Any) -> None:
    """Put `value` where an example says."""
    first, *keys = where.split()
    what, _, name = first.replace("/", ":").partition(":")
    place = (
        getattr(platform.workload(name), what)
        if what in ("pod", "container")
        else platform.one(what, name).body
    )
    for key in keys[:-1]:
        place = place[int(key)] if isinstance(place, list) else place[key]
    last: Any = int(keys[-1]) if keys[-1].isdigit() else keys[-1]
    if value is GONE:
        del place[last]
    elif last == "+":
        place.append(value)
    else:
        place[last] = value
