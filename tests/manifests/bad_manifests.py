"""For every check of the manifests: what is spoilt, and what the fault must say."""

from __future__ import annotations

from tests.manifests.changes import (
    Change,
    alert,
    application,
    body,
    config,
    container,
    dashboard,
    drop,
    endpoint,
    job,
    keda_login,
    labels,
    pod,
    policy,
    probe,
    redis_config,
    scaled,
    secret,
    security,
    service,
    set_env,
    trigger,
)

# check → what is changed → what the fault says
BAD: dict[str, list[tuple[Change, str]]] = {
    "check_schemas": [
        (lambda p: body(p, "Deployment", "web")["spec"].update(replica=2), "'replica' was unexpected"),
        (lambda p: body(p, "Service", "web").update(apiVersion="v2"), "Couldn't find schema for kind Service"),
        (lambda p: scaled(p).update(pollInterval=1), "'pollInterval' was unexpected"),
        (lambda p: trigger(p)["metadata"].update(listLength=1), "1 is not of type 'string'"),
        (lambda p: trigger(p)["metadata"].update(password="x"), "'password' was unexpected"),
        (lambda p: job(p).update(backofLimit=0), "'backofLimit' was unexpected"),
        (lambda p: scaled(p)["scalingStrategy"].update(strategy="fast"), "'fast' is not one of"),
        (
            lambda p: keda_login(p).pop("key"),
            "'key' is a required property",
        ),
        (
            lambda p: application(p)["sources"][0]["directory"].update(recurse=True),
            "False was expected",
        ),
    ],
    "check_namespaces": [
        (lambda p: body(p, "Service", "web")["metadata"].update(namespace="default"), "is in the namespace 'default'"),
        (
            lambda p: body(p, "Namespace", "stock-backtest")["metadata"]["labels"].clear(),
            "enforce: restricted is expected",
        ),
    ],
    "check_selectors": [
        (
            lambda p: labels(p).update({"app.kubernetes.io/name": "x"}),
            "the selector does not match its own pods",
        ),
        (
            lambda p: labels(p).pop("app.kubernetes.io/component"),
            "the selector matches pods of another workload",
        ),
        (lambda p: service(p, "redis")["selector"].update({"app.kubernetes.io/name": "x"}), "selects no pod"),
    ],
    "check_services": [
        (
            lambda p: service(p, "web")["ports"][0].update(targetPort="web"),
            "targetPort 'web' is not a port of web",
        ),
        (lambda p: config(p).update(DB_HOST="database"), "no Service 'database' has the port 3306"),
        (lambda p: config(p).update(REDIS_URL="redis://redis:6380/0"), "no Service 'redis' has the port 6380"),
        (lambda p: service(p, "web")["ports"][0].update(name="www"), "no Service has what the backend"),
    ],
    "check_probes": [
        (
            lambda p: probe(p, "livenessProbe").update(path="/healthz"),
            "livenessProbe: web has no route /healthz",
        ),
        (
            lambda p: probe(p, "readinessProbe").update(port="web"),
            "readinessProbe: the container has no port 'web'",
        ),
        (lambda p: container(p, "redis").pop("livenessProbe"), "serves a port and has no livenessProbe"),
    ],
    "check_arrows": [
        (lambda p: policy(p, "redis")["ingress"][0]["from"].pop(), "keda needs redis, and no policy lets it in"),
        (lambda p: drop(p, "NetworkPolicy", "to-mysql"), "worker needs mysql, and no policy lets it out"),
        (
            lambda p: policy(p, "to-redis")["podSelector"]["matchExpressions"][0]["values"].append("schema"),
            "schema may talk to redis, and nothing of it does",
        ),
        (lambda p: drop(p, "NetworkPolicy", "deny-by-default"), "no policy denies ingress and egress of all pods"),
    ],
    "check_images": [
        (lambda p: container(p, "schema").update(image="ghcr.io/owner/stock-backtest:latest"), "a git commit (ours)"),
        (lambda p: container(p, "redis").update(image="redis:7"), "a full version (theirs)"),
        (
            lambda p: container(p, "backtest").update(image="ghcr.io/owner/stock-backtest:0123abc"),
            "one build for all roles",
        ),
    ],
    "check_resources": [
        (lambda p: container(p, "mysql")["resources"]["limits"].pop("memory"), "memory needs a request and a limit"),
        (lambda p: container(p)["resources"]["requests"].update(cpu="2"), "the request 2 is above the limit 1"),
    ],
    "check_privileges": [
        (lambda p: pod(p)["securityContext"].pop("runAsNonRoot"), "expected runAsNonRoot: true"),
        (lambda p: pod(p)["securityContext"].update(runAsUser=0), "expected a numeric runAsUser above 0"),
        (lambda p: security(p).update(runAsUser=0), "expected a numeric runAsUser above 0"),
        (lambda p: pod(p, "redis")["securityContext"].pop("seccompProfile"), "expected seccompProfile RuntimeDefault"),
        (lambda p: security(p).pop("allowPrivilegeEscalation"), "expected allowPrivilegeEscalation"),
        (lambda p: security(p, "mysql").pop("readOnlyRootFilesystem"), "readOnlyRootFilesystem"),
        (lambda p: security(p)["capabilities"].update(add=["NET_RAW"]), "drop ALL and add none"),
        (lambda p: security(p).update(privileged=True), "expected privileged must stay off"),
        (lambda p: pod(p).update(hostNetwork=True), "expected no host namespaces"),
        (lambda p: pod(p, "backtest").pop("automountServiceAccountToken"), "expected automountService"),
        (lambda p: pod(p, "backtest").pop("enableServiceLinks"), "expected enableServiceLinks: false"),
    ],
    "check_volumes": [
        (lambda p: pod(p, "redis")["volumes"].pop(0), "mounts the volume 'config', which the pod does not have"),
        (lambda p: pod(p)["volumes"].append({"name": "host", "hostPath": {"path": "/"}}), "of a kind that restricted"),
        (lambda p: pod(p)["volumes"][0]["emptyDir"].clear(), "has no sizeLimit"),
        (lambda p: container(p, "reconciler").update(volumeMounts=[]), "needs an emptyDir on /tmp"),
    ],
    "check_accounts": [
        (lambda p: pod(p).update(serviceAccountName="default"), "serviceAccountName 'default' does not exist"),
        (lambda p: body(p, "ServiceAccount", "web").pop("automountServiceAccountToken"), "ServiceAccount/web"),
        (lambda p: body(p, "ServiceAccount", "web").update(kind="Role"), "no program here needs the Kubernetes API"),
    ],
    "check_names": [
        (lambda p: config(p).update(QUEUE="backtests"), "QUEUE is not a setting of adapters/settings.py"),
        (lambda p: container(p)["env"].append({"name": "WEB_HOST"}), "WEB_HOST stands twice among its settings"),
        (lambda p: set_env(p, "web", "TOKEN", "x"), "TOKEN is not a setting of adapters/settings.py"),
        (lambda p: config(p).update(HEARTBEAT_S="50"), "HEARTBEAT_S=50: at most half of LEASE_S"),
        (lambda p: container(p, "schema").pop("env"), "DB_PASSWORD is missing, since DB_HOST is set"),
    ],
    "check_config_values": [
        (lambda p: config(p).update(LEASE_S=60), "LEASE_S: quote the value"),
        (lambda p: config(p).update(SECRET_KEY="x"), "SECRET_KEY belongs into the Secret"),
        (lambda p: set_env(p, "web", "REDIS_PASSWORD", "x"), "REDIS_PASSWORD is in the open"),
        (lambda p: container(p, "redis")["command"].append("$(WEB_PASSWORD)"), "WEB_PASSWORD stands in argv"),
    ],
    "check_service_links": [
        (lambda p: body(p, "Service", "redis")["metadata"].update(name="db"), "DB_PORT is a name that"),
    ],
    "check_secret_keys": [
        (lambda p: secret(p).pop("redis-keda-password"), "has no key 'redis-keda-password'"),
        (lambda p: secret(p).update(spare="change-me"), "nobody asks for the key 'spare'"),
        (lambda p: secret(p).update({"secret-key": "Zm9vYmFy"}), "only the placeholder 'change-me' may stand here"),
        (
            lambda p: keda_login(p).update(name="x"),
            "the Secret 'x' does not exist",
        ),
    ],
    "check_database_names": [
        (lambda p: config(p).update(DB_NAME="runs"), "MYSQL_DATABASE is 'backtests', but DB_NAME is 'runs'"),
    ],
    "check_compose": [
        (lambda p: container(p, "redis").update(image="redis:7.4.5"), "redis:7.4.6 here, redis:7.4.5 in the cluster"),
        (lambda p: container(p, "reconciler").update(command=["python"]), "reconciler: its command differs"),
    ],
    "check_delivery": [
        (lambda p: scaled(p)["scalingStrategy"].update(strategy="eager"), "expected strategy accurate"),
        (lambda p: scaled(p)["scalingStrategy"].pop("pendingPodConditions"), "expected pendingPodConditions [Ready]"),
        (lambda p: scaled(p)["scalingStrategy"].pop("multipleScalersCalculation"), "multipleScalersCalculation sum"),
        (lambda p: scaled(p)["rollout"].update(strategy="default"), "expected rollout gradual"),
        (lambda p: scaled(p).update(pollingInterval=30), "expected pollingInterval of 1 to 5 s"),
        (lambda p: scaled(p).update(minReplicaCount=1), "expected minReplicaCount 0"),
        (lambda p: scaled(p).pop("successfulJobsHistoryLimit"), "expected successfulJobsHistoryLimit 0"),
        (lambda p: scaled(p).pop("failedJobsHistoryLimit"), "expected failedJobsHistoryLimit of at least 500"),
        (lambda p: job(p).pop("ttlSecondsAfterFinished"), "expected ttlSecondsAfterFinished"),
        (lambda p: job(p).update(parallelism=2), "expected parallelism 1 and completions 1"),
        (lambda p: job(p).pop("backoffLimit"), "expected backoffLimit 0"),
        (lambda p: pod(p, "backtest").update(restartPolicy="OnFailure"), "expected restartPolicy Never"),
        (lambda p: pod(p, "backtest").update(terminationGracePeriodSeconds=5), "terminationGracePeriodSeconds above"),
        (lambda p: config(p).update(RUN_TIMEOUT_S="3600"), "of at least 3600 + 900 + 30"),
        (lambda p: container(p, "backtest").update(command=["sh", "-c", "python"]), "expected an exec-form"),
    ],
    "check_trigger": [
        (lambda p: config(p).update(QUEUE_NAME="runs"), "listName: expected 'rq:queue:runs'"),
        (
            lambda p: scaled(p)["triggers"].pop(),
            "expected a trigger for each of rq:queue:backtests, rq:queue:backtests-",
        ),
        (lambda p: scaled(p)["triggers"].reverse(), "listName: expected 'rq:queue:backtests'"),
        (lambda p: config(p).update(REDIS_URL="redis://redis:6379/3"), "databaseIndex: expected '3'"),
        (lambda p: trigger(p)["metadata"].update(listLength="5"), "listLength: expected '1'"),
        (lambda p: trigger(p)["metadata"].update(address="redis:6379"), "address: expected 'redis.stock-backtest.svc"),
        (lambda p: trigger(p)["authenticationRef"].update(name="x"), "the TriggerAuthentication 'x' does not exist"),
        (lambda p: trigger(p)["metadata"].update(username="root"), "trigger username 'root' is not a user"),
        (lambda p: trigger(p)["metadata"].update(username="web"), "the user web may read ~rq:*"),
    ],
    "check_redis_users": [
        (lambda p: set_env(p, "reconciler", "REDIS_USERNAME", "boss"), "REDIS_USERNAME 'boss' is not a user"),
    ],
    "check_readiness_gate": [
        (lambda p: set_env(p, "backtest", "READY_FILE", "/app/popped"), "READY_FILE '/app/popped' is not on a volume"),
        (lambda p: set_env(p, "backtest", "READY_FILE", "/tmp/ready"), "does not wait for READY_FILE '/tmp/ready'"),
        (lambda p: container(p, "backtest")["readinessProbe"].update(timeoutSeconds=1), "not bounded"),
    ],
    "check_run_memory": [
        (lambda p: config(p).update(RUN_MEMORY_MB="2048"), "RUN_MEMORY_MB 2048 + 200 exceeds the memory limit of 1024"),
    ],
    "check_redis_memory": [
        (
            lambda p: redis_config(p).update({"redis.conf": redis_config(p)["redis.conf"].replace("768mb", "1200mb")}),
            "maxmemory twice, while a rewrite forks",
        ),
        (
            lambda p: redis_config(p).update({"redis.conf": "appendonly yes\nmaxmemory 1mb\n"}),
            "expected the line 'maxmemory-policy noeviction'",
        ),
        (
            lambda p: config(p).update(MAX_QUEUE_DEPTH="1000000"),
            "1000000 messages (MAX_QUEUE_DEPTH) need a maxmemory of",
        ),
    ],
    "check_connections": [
        (lambda p: scaled(p).update(maxReplicaCount=500), "max_connections is 250, and 1000 (Jobs)"),
        (lambda p: set_env(p, "web", "WEB_CONCURRENCY", "16"), "384 (web)"),
    ],
    "check_dockerfile": [
        (lambda p: pod(p)["securityContext"].update(runAsUser=1000), "has no line USER 1000:1000"),
        (lambda p: container(p)["ports"][0].update(containerPort=8080), "does not EXPOSE 8080"),
        (lambda p: container(p).update(command=["gunicorn"]), "its command differs from the Dockerfile's CMD"),
    ],
    "check_argocd": [
        (lambda p: application(p)["sources"].pop(), "sources must be k8s and keda"),
        (
            lambda p: application(p)["syncPolicy"]["automated"].update(selfHeal=False),
            "prune and selfHeal is expected",
        ),
        (lambda p: body(p, "Service", "web").update(kind="Secret"), "must not stand where kubectl apply -f k8s/"),
    ],
    "check_prune_exemptions": [
        (lambda p: body(p, "StatefulSet", "mysql")["metadata"].pop("annotations"), "Prune=false is expected"),
    ],
    "check_metrics": [
        (
            lambda p: alert(p, "BacktestsWaitLong").update(expr="max(backtest_wait_seconds) > 300"),
            "web/health.py exposes no metric backtest_wait_seconds",
        ),
        (
            lambda p: dashboard(p).update(
                {"stock-backtest.json": '{"panels": [{"targets": [{"expr": "backtest_jobs"}]}]}'}
            ),
            "web/health.py exposes no metric backtest_jobs",
        ),
    ],
    "check_scraping": [
        (lambda p: endpoint(p).update(port="metrics"), "no Service that it selects has the port 'metrics'"),
        (lambda p: endpoint(p).update(path="/prometheus"), "web has no route /prometheus"),
    ],
}
