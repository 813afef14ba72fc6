"""Do scraping, alerts and dashboard speak of what web really exposes?"""

import json
import re
from collections.abc import Iterator

from scripts.manifests.documents import Document, Platform
from scripts.manifests.sources import metric_names, web_routes

_OURS = re.compile(r"\bbacktest_\w+")


def check_metrics(platform: Platform) -> Iterator[str]:
    """Expressions over metrics that web does not expose; they would stay silent for ever."""
    known = metric_names(platform.root)
    for document in platform.documents:
        for expression in _expressions(document):
            for name in set(_OURS.findall(expression)) - known:
                yield document.fault(f"web/health.py exposes no metric {name}: {expression}")


def _expressions(document: Document) -> Iterator[str]:
    if document.kind == "PrometheusRule":
        for group in document.spec["groups"]:
            yield from (rule["expr"] for rule in group["rules"])
    if document.kind == "ConfigMap" and "grafana_dashboard" in document.body["metadata"].get("labels", {}):
        for text in document.body["data"].values():
            yield from (target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"])


def check_scraping(platform: Platform) -> Iterator[str]:
    """A ServiceMonitor that finds no Service, port or route."""
    for monitor in platform.of_kind("ServiceMonitor"):
        wanted = monitor.spec["selector"]["matchLabels"].items()
        services = [
            each for each in platform.of_kind("Service") if wanted <= each.body["metadata"].get("labels", {}).items()
        ]
        ports = [port["name"] for service in services for port in service.spec["ports"]]
        for endpoint in monitor.spec["endpoints"]:
            if endpoint["port"] not in ports:
                yield monitor.fault(f"no Service that it selects has the port {endpoint['port']!r}")
            if endpoint["path"] not in web_routes(platform.root):
                yield monitor.fault(f"web has no route {endpoint['path']}")
