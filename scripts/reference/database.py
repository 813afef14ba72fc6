"""Every table of the database in Markdown, as it declares itself in adapters/store."""

import re
from collections.abc import Iterable
from typing import Any, get_args

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from adapters.declarations import Subject, rows_of, tables_of
from adapters.grants import rights_on
from scripts.reference.markdown import table


def database_tables() -> str:
    """Every table with its columns, keys and rights; what belongs to a run first."""
    return "\n".join(_table(each) for subject in get_args(Subject) for each in tables_of(subject))


def _table(described: Table) -> str:
    rows = [
        (f"`{each.name}`", _type(each.type), "" if each.nullable else "yes", each.doc or "")
        for each in described.columns
    ]
    head = [f"## {described.name}", "", rows_of(described).purpose, ""]
    foot = [*_keys(described), *_owners(described), ""]
    return "\n".join([*head, *table("| column | type on MySQL | required | |", rows), *foot])


def _type(kind: TypeEngine[Any]) -> str:
    return re.sub(r" CHARACTER SET (\w+) COLLATE \w+", r" \1", kind.compile(mysql.dialect()))


def _keys(table: Table) -> list[str]:
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    lines = [f"- Primary key: {_names(table.primary_key.columns)}"]
    lines += sorted(f"- Unique: {_names(each.columns)}" for each in unique)
    return lines + sorted(f"- Index `{each.name}`: {_names(each.columns)}" for each in table.indexes)


def _names(columns: Iterable[Column[Any]]) -> str:
    return ", ".join(f"`{each.name}`" for each in columns)


def _owners(table: Table) -> list[str]:
    """What its rows belong to, how long they are kept, and who may do what with them."""
    rows = rows_of(table)
    kept = f"[kept](operations.md#retention) as long as {rows.kept}" if rows.kept else "kept forever"
    rights = "; ".join(f"{role} {', '.join(granted)}" for role, granted in rights_on(table).items() if granted)
    return [f"- Belongs to: {rows.of}; {kept}", f"- Rights: {rights}"]
