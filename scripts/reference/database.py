"""Tables of the database, from their declarations in adapters/tables.py and the modules next to it."""

import re
from collections.abc import Iterable
from typing import Any, get_args

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from adapters.declarations import Subject, rows_of, tables_of
from adapters.grants import rights_on
from contracts.values import Json


def tables() -> list[Json]:
    """Return every table with its columns, keys, owner and rights, by owner and name; those of runs first."""
    return [
        _table(each)
        for subject in get_args(Subject)
        for each in sorted(tables_of(subject), key=lambda each: each.name)
    ]


def _table(table: Table) -> Json:
    return {
        "name": table.name,
        "rows": rows_of(table),
        "columns": [(each, _type(each.type)) for each in table.columns],
        "keys": [
            f"Primary key: {_names(table.primary_key)}",
            *sorted(
                f"Unique: {_names(each)}"
                for each in table.constraints
                if isinstance(each, UniqueConstraint)
            ),
            *sorted(f"Index `{each.name}`: {_names(each.columns)}" for each in table.indexes),
        ],
        "rights": {role: granted for role, granted in rights_on(table).items() if granted},
    }


def _type(kind: TypeEngine[Any]) -> str:
    return re.sub(r" CHARACTER SET (\w+) COLLATE \w+", r" \1", kind.compile(mysql.dialect()))


def _names(columns: Iterable[Column[Any]]) -> str:
    return ", ".join(f"`{each.name}`" for each in columns)
