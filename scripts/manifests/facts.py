"""What house_rules.yaml expects of one file since another one, or the code, says so."""

from urllib.parse import urlsplit

from adapters.settings import Settings
from contracts.values import Json
from scripts.manifests.documents import Platform
from scripts.manifests.environment import KNOWN_NAMES, asked_keys

LIBRARY_NAMES = {"OPENBLAS_NUM_THREADS"}
SCHEDULING_S = 900  # how long a Job may wait for a node before it is given up
# consumer.settlement.PATIENCE_S: how long a terminated Job tries to hand its run back
HAND_BACK_S = 20


def facts_of(platform: Platform) -> Json:
    """The facts by the name that the rules have for them."""
    settings = platform.settings
    queues = Settings(queue_name=settings["QUEUE_NAME"]).queue_names
    lists = [f"rq:queue:{name}" for name in queues]
    grace_s = platform.workload("backtest").pod["terminationGracePeriodSeconds"]
    return {
        "priorities": platform.names("PriorityClass"),
        "accounts": platform.names("ServiceAccount"),
        "claims": platform.names("PersistentVolumeClaim"),
        "services": [
            {"name": service.name, "port": {"name": port["name"]}}
            for service in platform.of_kind("Service")
            for port in service.spec["ports"]
        ],
        "routes": sorted(platform.routes),
        "settings": sorted(KNOWN_NAMES),
        "own_settings": sorted(KNOWN_NAMES | LIBRARY_NAMES),
        "database": settings["DB_NAME"],
        "secret_keys": list(platform.one("Secret", "stock-backtest-secrets").body["stringData"]),
        "asked_keys": sorted(asked_keys(platform)),
        "triggers": [_trigger(platform, name) for name in lists],
        "rights_of_keda": f"(?m)^user keda [^~]*{' '.join(f'~{name}' for name in lists)} resetchannels",
        "deadline_s": int(settings["RUN_TIMEOUT_S"]) + SCHEDULING_S + int(grace_s),
        "hand_back_s": HAND_BACK_S,
    }


def _trigger(platform: Platform, list_name: str) -> Json:
    """What has KEDA start a Job for each message of a list, which it reads as its own user."""
    url = urlsplit(platform.settings["REDIS_URL"])
    metadata = {
        "listName": list_name,
        "listLength": "1",
        "address": f"{url.hostname}.stock-backtest.svc.cluster.local:{url.port}",
        "databaseIndex": url.path.strip("/") or "0",
        "username": "keda",
    }
    [login] = platform.names("TriggerAuthentication")
    return {"type": "redis", "metadata": metadata, "authenticationRef": {"name": login}}
