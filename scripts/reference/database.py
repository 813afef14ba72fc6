"""Every table of the database; what a column means is said beside it in adapters/tables.py."""

import re
from collections.abc import Iterable
from inspect import getsource
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from adapters import tables as declared

PURPOSES = {
    "backtest_results": "A run, from its submission to its result.",
    "batch_rankings": "What a batch is ranked by; set by its latest submission.",
    "run_charts": "The PNG charts of a run.",
    "run_lines": "The lines that the rule of a single run looked at, in parts.",
    "run_events": "Every change of a run's state; the queue over time is counted from it.",
    "run_totals": "What `/metrics` counts, added up from the events by the reconciler.",
    "price_parts": "The bars of a version of prices, in parts.",
    "price_versions": "The versions of each price series, and what each changed.",
    "price_series": "Which version of each price series is current.",
    "studies": "A study: its plan, its choices, its verdict.",
    "strategies": "A preset of the form.",
    "leases": "Which reconciler leads.",
    "tokens": "Tokens of people and programs, as digests.",
    "ended_sessions": "Sessions of browsers that have logged out.",
    "audit": "What people changed, and what they were refused.",
    "strangers": "How often nobody with a name tried something, by the hour.",
}
_COMMENT = re.compile(r'Column\("(\w+)".*\),  # (.*)')


def tables() -> list[dict[str, Any]]:
    """Every table with its columns and keys, in the order of the code."""
    source = getsource(declared)
    return [_table(each, source) for each in declared.metadata.tables.values()]


def _table(table: Table, source: str) -> dict[str, Any]:
    comments = dict(_COMMENT.findall(source.split(f'\n    "{table.name}",')[1].split("**_OPTIONS")[0]))
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    return {
        "name": table.name,
        "purpose": PURPOSES[table.name],
        "columns": [(each, _type(each.type), comments.get(each.name, "")) for each in table.columns],
        "keys": [
            f"Primary key: {_names(table.primary_key)}",
            *sorted(f"Unique: {_names(each)}" for each in unique),
            *sorted(f"Index `{each.name}`: {_names(each.columns)}" for each in table.indexes),
        ],
    }


def _type(kind: TypeEngine[Any]) -> str:
    return re.sub(r" CHARACTER SET (\w+) COLLATE \w+", r" \1", kind.compile(mysql.dialect()))


def _names(columns: Iterable[Column[Any]]) -> str:
    return ", ".join(f"`{each.name}`" for each in columns)
