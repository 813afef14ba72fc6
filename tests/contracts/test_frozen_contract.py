"""The contract as it was frozen: fields are never removed, renamed or changed; a new one has a default."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.services.web_app import run_values
from web.documents.openapi import (
    portfolio_schema,
    request_schema,
    result_schema,
    sweep_schema,
)

ROOT = Path(__file__).resolve().parents[2]
NOW = {
    "run_request": request_schema,
    "run_result": result_schema,
    "sweep": sweep_schema,
    "portfolio_request": portfolio_schema,
}


def frozen(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(
        (ROOT / "contracts" / f"{name}.schema.json").read_text(encoding="utf-8")
    )
    return schema


def breaks(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Each way in which `now` breaks a program that was written for `before`."""
    violations = [
        f"{field} is now required"
        for field in set(now.get("required", ())) - set(before.get("required", ()))
    ]
    violations += [
        f"{field} is not required any more"
        for field in set(before.get("required", ())) - set(now.get("required", ()))
    ]
    for field, schema in before["properties"].items():
        if field not in now["properties"]:
            violations.append(f"{field} is gone")
        elif _meaning(now["properties"][field]) != _meaning(schema):
            violations.append(f"{field} has changed")
    for part, schema in before.get("$defs", {}).items():
        violations += [
            f"{part}.{fault}"
            for fault in breaks(schema, now.get("$defs", {}).get(part, {"properties": {}}))
        ]
    return violations


def _meaning(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in ("title", "description")}


@pytest.mark.parametrize("name", NOW)
def test_the_contract_keeps_what_it_promised(name: str) -> None:
    assert breaks(frozen(name), NOW[name]()) == []


@pytest.mark.parametrize("name", NOW)
def test_a_new_field_has_been_frozen_too(name: str) -> None:
    assert set(NOW[name]()["properties"]) == set(frozen(name)["properties"]), (
        f"add it to contracts/{name}.schema.json"
    )


def test_a_broken_promise_is_noticed() -> None:
    before, now = frozen("run_request"), copy.deepcopy(request_schema())
    del now["properties"]["fee_rate"]
    now["properties"]["slippage_bps"]["maximum"] = 10
    now["properties"]["colour"] = {"type": "string"}
    now["required"] = [*now["required"], "colour"]

    assert sorted(breaks(before, now)) == [
        "colour is now required",
        "fee_rate is gone",
        "slippage_bps has changed",
    ]


def test_a_broken_part_of_the_result_is_noticed() -> None:
    now = copy.deepcopy(result_schema())
    now["$defs"]["TradeRow"]["properties"]["profit"] = now["$defs"]["TradeRow"]["properties"].pop(
        "pnl_abs"
    )

    assert "TradeRow.pnl_abs is gone" in breaks(frozen("run_result"), now)


@pytest.mark.parametrize("name", NOW)
def test_the_frozen_schema_is_valid_itself(name: str) -> None:
    Draft202012Validator.check_schema(frozen(name))


def test_the_frozen_schema_accepts_a_request() -> None:
    Draft202012Validator(frozen("run_request")).validate(run_values())
