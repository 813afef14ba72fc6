"""Declarations of tables: the types of columns, and the purpose, owner and lifetime of rows.

Grants, retention, sizes by kind and docs/database.md follow from them; backups are of the whole database.
"""

from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    Text,
    Update,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from contracts.run_request import TITLE_LENGTH
from contracts.values import Json, frozen

MYSQL = ("mysql", "mariadb")

metadata = MetaData()
_OPTIONS: Json = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}

Subject = Literal["run", "plan", "prices", "access", "platform"]
Kept = Literal["series", "runs", "audit", "prices"]


@frozen
class Rows:
    """Purpose, owner, rights and lifetime of a table's rows.

    of: what they belong to; rows of a run have its run_id and are deleted with it at the latest.
    kept: lifetime, by the setting KEEP_… of that name or, for prices, by `adapters.prune`; None: forever.
    web, worker, reconciler: SQL rights of each role; locking a row needs UPDATE. In addition, all but the worker may
    read, the reconciler may delete rows that are not kept forever, and web those of runs and plans.
    """

    purpose: str
    of: Subject
    kind: str = "other"  # under which rows and bytes are counted
    kept: Kept | None = None
    web: str = ""
    worker: str = ""
    reconciler: str = ""
    is_secret: bool = False  # not readable by people who inspect the database

    def __post_init__(self) -> None:
        if self.of in ("run", "plan") and self.kept is None:
            raise ValueError(
                "rows of a run or plan need `kept`: they are deleted with it at the latest"
            )


def table(name: str, rows: Rows, /, *indexes: SchemaItem, **columns: Any) -> Table:
    """Declare a table; a column given as a type alone is never null."""
    for column, kind in columns.items():
        columns[column] = kind if isinstance(kind, Column) else required(kind)
        columns[column].name = column
    return Table(name, metadata, *columns.values(), *indexes, info={"rows": rows}, **_OPTIONS)


def rows_of(declared: Table) -> Rows:
    """Return the declaration of a table's rows."""
    rows: Rows = declared.info["rows"]
    return rows


def tables_of(subject: Subject) -> list[Table]:
    """List the tables whose rows belong to such a subject, in the order of the code."""
    return [each for each in metadata.tables.values() if rows_of(each).of == subject]


def read_from(index: str, declared: Table, query: Select[Any]) -> Select[Any]:
    """Force a query to read a table by this index on MySQL."""
    for dialect in MYSQL:
        query = query.with_hint(declared, f"FORCE INDEX ({index})", dialect)
    return query


def update_by(column: Column[Any]) -> Update:
    """Begin an UPDATE that finds its rows by a unique column.

    MySQL might otherwise use an index of the guard, or both, and lock entries of other rows: two such updates of
    different rows deadlock.
    """
    change = update(column.table)
    for dialect in MYSQL:
        change = change.with_hint(f"FORCE INDEX ({unique_index(column)})", dialect_name=dialect)
    return change


def unique_index(column: Column[Any]) -> str:
    """Return MySQL's name for the index of a unique column, or of the primary key that begins with it."""
    return "PRIMARY" if column.primary_key else column.name


def required(kind: Any, **options: Any) -> Column[Any]:
    """Declare a column that is never null."""
    return Column(kind, nullable=False, **options)


def key(kind: Any, **options: Any) -> Column[Any]:
    """Declare a column of the primary key; if it is a single integer column, the database numbers the rows."""
    return Column(kind, primary_key=True, **options)


def series(kind: TypeEngine[Any]) -> Column[Any]:
    """Declare a column of a run that is cleared after KEEP_SERIES_DAYS."""
    return Column(kind, info={"kept": "series"}, doc="cleared after `KEEP_SERIES_DAYS`")


def _text(length: int, charset: str) -> TypeEngine[Any]:
    special = mysql.VARCHAR(length, charset=charset, collation=f"{charset}_bin")
    return String(length).with_variant(special, *MYSQL)


def identifier(length: int) -> TypeEngine[Any]:
    """Text of ASCII, compared byte by byte, one byte a character in an index."""
    return _text(length, "ascii")


def words(length: int) -> TypeEngine[Any]:
    """Text of people: any script; case-sensitive, as in SQLite."""
    return _text(length, "utf8mb4")


# UTC without an offset, microseconds
Timestamp = DateTime().with_variant(mysql.DATETIME(fsp=6), *MYSQL)
Uuid = identifier(36)
Sha256 = identifier(64)
Actor = identifier(80)  # name of a token, or of a user whom a proxy has logged in
Ticker = identifier(15)
State = identifier(10)
Code = identifier(32)  # a name in the code: of a rule, a kind of error, a version
Name = words(64)
Title = words(TITLE_LENGTH)
# TEXT holds 64 KB only
LongText = Text().with_variant(
    mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), *MYSQL
)
LongBlob = LargeBinary().with_variant(mysql.MEDIUMBLOB(), *MYSQL)
# SQLite numbers rows by itself for INTEGER only
Id = BigInteger().with_variant(Integer(), "sqlite")
