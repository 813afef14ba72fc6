"""How a table is declared: the types of its columns, and what its rows are.

Grants, retention, sizes by kind and docs/database.md follow from that; backups are of the whole database.
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
    """What the rows of a table are for, what they belong to, who writes them and when they are deleted.

    of: rows of a run have its run_id and are deleted with it at the latest.
    kept: as long as these are, by the setting KEEP_… of that name or, of prices, by `adapters.prune`; None: forever.
    web, worker, reconciler: what each role does with them, in SQL's words. A row that is only locked counts as updated.
    Granted beside that: reading to all but the worker, and deleting what is not kept forever to the reconciler.
    """

    purpose: str
    of: Subject
    kind: str = "other"  # under which rows and bytes are counted
    kept: Kept | None = None
    web: str = ""
    worker: str = ""
    reconciler: str = ""
    is_secret: bool = False  # whether people who look at the database may not see them

    def __post_init__(self) -> None:
        if self.of in ("run", "plan") and self.kept is None:
            raise ValueError(
                "rows of a run or plan need `kept`: they are deleted with it at the latest"
            )


def table(name: str, rows: Rows, /, *indexes: SchemaItem, **columns: Any) -> Table:
    """A table of the platform; a column that is a type alone is never null."""
    for column, kind in columns.items():
        columns[column] = kind if isinstance(kind, Column) else required(kind)
        columns[column].name = column
    return Table(name, metadata, *columns.values(), *indexes, info={"rows": rows}, **_OPTIONS)


def rows_of(declared: Table) -> Rows:
    """What a table's rows are."""
    rows: Rows = declared.info["rows"]
    return rows


def tables_of(subject: Subject) -> list[Table]:
    """The tables whose rows belong to such a thing, in the order of the code."""
    return [each for each in metadata.tables.values() if rows_of(each).of == subject]


def read_from(index: str, declared: Table, query: Select[Any]) -> Select[Any]:
    """A query that reads a table by this index, whatever MySQL would prefer."""
    for dialect in MYSQL:
        query = query.with_hint(declared, f"FORCE INDEX ({index})", dialect)
    return query


def update_by(column: Column[Any]) -> Update:
    """An UPDATE of a column's table whose rows are found by that unique column.

    MySQL may otherwise find them by an index of what the change is guarded by, or by both, and then locks entries of
    other rows: two such changes of different rows end in a deadlock.
    """
    change = update(column.table)
    for dialect in MYSQL:
        change = change.with_hint(f"FORCE INDEX ({unique_index(column)})", dialect_name=dialect)
    return change


def unique_index(column: Column[Any]) -> str:
    """MySQL's name for the index of a unique column, or of the primary key that begins with it."""
    return "PRIMARY" if column.primary_key else column.name


def required(kind: Any, **options: Any) -> Column[Any]:
    """A column that is never null."""
    return Column(kind, nullable=False, **options)


def key(kind: Any, **options: Any) -> Column[Any]:
    """A column of the primary key; a whole number that is all of it is given by the database."""
    return Column(kind, primary_key=True, **options)


def series(kind: TypeEngine[Any]) -> Column[Any]:
    """A column of a run that is cleared once its series are kept no longer."""
    return Column(kind, info={"kept": "series"}, doc="cleared after `KEEP_SERIES_DAYS`")


def _text(length: int, charset: str) -> TypeEngine[Any]:
    special = mysql.VARCHAR(length, charset=charset, collation=f"{charset}_bin")
    return String(length).with_variant(special, *MYSQL)


def identifier(length: int) -> TypeEngine[Any]:
    """Compared byte by byte, one byte a character in an index."""
    return _text(length, "ascii")


def words(length: int) -> TypeEngine[Any]:
    """Words of people: any script, but 'a' and 'A' differ, as they do in SQLite."""
    return _text(length, "utf8mb4")


# UTC without an offset, microseconds
Timestamp = DateTime().with_variant(mysql.DATETIME(fsp=6), *MYSQL)
Uuid = identifier(36)
Sha256 = identifier(64)
Actor = identifier(80)  # name of a token, or of a user whom a proxy has logged in
Ticker = identifier(15)
State = identifier(10)
Code = identifier(32)  # what the code calls it: a rule, a kind of error, a version
Name = words(64)
Title = words(TITLE_LENGTH)
# TEXT holds 64 KB only
LongText = Text().with_variant(
    mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), *MYSQL
)
LongBlob = LargeBinary().with_variant(mysql.MEDIUMBLOB(), *MYSQL)
# SQLite numbers rows by itself for INTEGER only
Id = BigInteger().with_variant(Integer(), "sqlite")
