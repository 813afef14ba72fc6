"""Ways into the manifests for tests that spoil them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.manifests.documents import Platform

Change = Callable[[Platform], object]


def body(platform: Platform, kind: str, name: str) -> Any:
    return platform.one(kind, name).body


def pod(platform: Platform, name: str = "web") -> Any:
    """The pod of a workload, and so of the object that it came from."""
    return next(each.pod for each in platform.workloads if each.document.name == name)


def container(platform: Platform, name: str = "web") -> Any:
    return pod(platform, name)["containers"][0]


def job(platform: Platform) -> Any:
    return body(platform, "ScaledJob", "backtest")["spec"]["jobTargetRef"]


def scaled(platform: Platform) -> Any:
    return body(platform, "ScaledJob", "backtest")["spec"]


def trigger(platform: Platform) -> Any:
    return scaled(platform)["triggers"][0]


def config(platform: Platform) -> Any:
    return body(platform, "ConfigMap", "stock-backtest-config")["data"]


def redis_config(platform: Platform) -> Any:
    return body(platform, "ConfigMap", "redis-config")["data"]


def policy(platform: Platform, name: str) -> Any:
    return body(platform, "NetworkPolicy", name)["spec"]


def secret(platform: Platform) -> Any:
    return body(platform, "Secret", "stock-backtest-secrets")["stringData"]


def set_env(platform: Platform, workload: str, name: str, value: str) -> None:
    """Give a container's entry a plain value, whether it exists or not."""
    entries = container(platform, workload)["env"]
    entries[:] = [each for each in entries if each["name"] != name] + [{"name": name, "value": value}]


def drop(platform: Platform, kind: str, name: str) -> None:
    platform.documents[:] = [each for each in platform.documents if (each.kind, each.name) != (kind, name)]


def labels(platform: Platform) -> Any:
    """What web's Deployment selects its pods by."""
    return body(platform, "Deployment", "web")["spec"]["selector"]["matchLabels"]


def security(platform: Platform, name: str = "web") -> Any:
    return container(platform, name)["securityContext"]


def application(platform: Platform) -> Any:
    return body(platform, "Application", "stock-backtest")["spec"]


def keda_login(platform: Platform) -> Any:
    return body(platform, "TriggerAuthentication", "backtest-redis")["spec"]["secretTargetRef"][0]


def service(platform: Platform, name: str) -> Any:
    return body(platform, "Service", name)["spec"]


def probe(platform: Platform, kind: str) -> Any:
    return container(platform)[kind]["httpGet"]


def alert(platform: Platform, name: str) -> Any:
    rules = body(platform, "PrometheusRule", "stock-backtest")["spec"]["groups"][0]["rules"]
    return next(rule for rule in rules if rule["alert"] == name)


def dashboard(platform: Platform) -> Any:
    return body(platform, "ConfigMap", "stock-backtest-dashboard")["data"]


def endpoint(platform: Platform) -> Any:
    return body(platform, "ServiceMonitor", "stock-backtest")["spec"]["endpoints"][0]
