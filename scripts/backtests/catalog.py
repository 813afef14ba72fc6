"""What the platform knows, as far as the file of a sweep speaks of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backtests.client import Client


@dataclass(frozen=True)
class Catalog:
    """Names of a platform: the request's fields that hold text, each rule's parameters, the metrics.

    defaults: by rule and parameter. goals: max or min by metric, whichever is better.
    """

    text_fields: frozenset[str]
    defaults: Mapping[str, dict[str, Any]]
    goals: Mapping[str, str]


def read_catalog(client: Client) -> Catalog:
    fields = client.get("/api/openapi.json")["components"]["schemas"]["RunRequest"]["properties"]
    return Catalog(
        frozenset(name for name, schema in fields.items() if _is_text(schema)),
        {rule["rule_type"]: {each["name"]: each["default"] for each in rule["params"]} for rule in client.rules()},
        {metric["name"]: "min" if metric["better"] == "low" else "max" for metric in client.metrics()},
    )


def _is_text(schema: Mapping[str, Any]) -> bool:
    return any(kind.get("type") == "string" for kind in schema.get("anyOf", [schema]))
