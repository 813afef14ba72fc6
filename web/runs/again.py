"""A run once more with other params, from its own page: what may be changed there, and what the change brought."""

from typing import Any
from uuid import UUID

from flask import request
from sqlalchemy import Connection, RowMapping

from adapters.runs.queries import run_row
from contracts.errors import UnknownRun
from contracts.status import Kind, RunStatus
from contracts.values import Values, frozen
from rules.catalog import RULES, ParamSpec
from web.formats import plain
from web.titles import PART, full_params

INPUTS = "inputs"  # the params of a rule of one's own that are numbers by name


@frozen
class Tunable:
    """A number or choice among a run's params; path: its names in them, with points between."""

    path: str
    value: Any
    # None of an input of a rule of one's own, whose bounds its request has
    spec: ParamSpec | None = None

    @property
    def title(self) -> str:
        """What it is called."""
        return self.path.rpartition(".")[2]


def tunables(rule_type: str, params: Values) -> list[Tunable]:
    """What of complete params one line can change; members of a composite rule cannot."""
    own = [
        Tunable(spec.name, params[spec.name], spec)
        for spec in RULES[rule_type].params
        if spec.kind in ("int", "float", "choice")
    ]
    return own + [
        Tunable(f"{INPUTS}.{name}", value) for name, value in params.get(INPUTS, {}).items()
    ]


def asked_before(connection: Connection) -> RowMapping | None:
    """The completed run beside which the address wants this one shown: ?beside=<run_id>; None without one."""
    try:
        row = run_row(connection, str(UUID(request.args.get("beside", ""))))
    except (ValueError, UnknownRun):
        return None
    return (
        row
        if row["kind"] == Kind.RUN
        and row["status"] == RunStatus.SUCCEEDED
        and row["equity_curve_json"]
        else None
    )


def changed_params(now: Values, before: Values) -> str:
    """What differs between the params that two requests give to a rule, in words: period 14 → 20."""
    if now["rule_type"] != before["rule_type"]:
        return ""
    new, old = (full_params(each["rule_type"], each["params"]) for each in (now, before))
    return ", ".join(
        f"{name.removeprefix(PART)} {plain(old.get(name))} → {plain(value)}"
        for name, value in new.items()
        if old.get(name) != value
    )
