"""`python -m adapters.schema`: create what is missing in the database; run by an operator, never by the web tier.

An empty store of prices is filled from DATA_DIR; with --take-in, files that were added or changed there are loaded too.
With --grant each role's database user gets its rights.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Engine, Table, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.schema import CreateColumn
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from adapters.database import connect_database, reading
from adapters.grants import statements
from adapters.logs import configure_logging
from adapters.prices.loading import load_folder
from adapters.prices.store import current_versions
from adapters.settings import load_settings
from adapters.tables import metadata, runs
from contracts.errors import OlderDatabase, PlatformError

log = logging.getLogger(__name__)

ANSWER_S = 3600  # an index on a large table takes its time


def create_schema(engine: Engine) -> list[str]:
    """Create missing tables, columns and indexes, and rebuild indexes with other columns; returns their names.

    Existing data is never touched. OlderDatabase for one of a release before 2.0.0.
    """
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).touch(mode=0o600)
    present = set(inspect(engine).get_table_names())
    if runs.name in present and "batch_id" in _column_names(engine, runs):
        raise OlderDatabase(
            "this database was made by a release before 2.0.0, whose data 2.0.0 does not read; keep a backup of it, "
            "and name an empty database in DATABASE_URL (of `make run`: move the folder var/ away)"
        )
    created = [name for name in metadata.tables if name not in present]
    metadata.create_all(engine)
    for table in metadata.sorted_tables:
        if table.name not in created:
            created += _add_missing(engine, table)
    return created


def _add_missing(engine: Engine, table: Table) -> list[str]:
    columns = _column_names(engine, table)
    present = inspect(engine).get_indexes(table.name)
    indexes = {index["name"]: index["column_names"] for index in present}
    added = []
    with engine.begin() as connection:
        for column in table.columns:
            if column.name not in columns:
                definition = _definition(column, engine)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
                added.append(str(column))
        for index in table.indexes:
            if indexes.get(index.name) == index.columns.keys():
                continue
            if index.name in indexes:
                index.drop(connection)
            index.create(connection)
            added.append(str(index.name))
    return added


def _column_names(engine: Engine, table: Table) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table.name)}


def _definition(column: Column[Any], engine: Engine) -> str:
    """Format a column for ALTER TABLE; existing rows get its default."""
    definition = str(CreateColumn(column).compile(engine))
    if column.nullable or not isinstance(column.default, ScalarElementColumnDefault):
        return definition
    return f"{definition} DEFAULT {column.default.arg!r}"


def wait_for_schema(engine: Engine, wait_s: float = 60.0) -> list[str]:
    """Create the schema, waiting up to `wait_s` for a database that is still starting."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return create_schema(engine)
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise
            log.warning("database_unreachable waiting_s=1 reason=%s", str(error.orig))
            time.sleep(1.0)


def main() -> int:
    """Create the schema of DATABASE_URL; 0 when it is there afterwards."""
    try:
        settings = load_settings()
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings, role="schema")
    try:
        engine = connect_database(settings.database_url, answer_s=ANSWER_S)
        created = wait_for_schema(engine)
        if "--grant" in sys.argv[1:]:
            with engine.begin() as connection:
                for statement in statements():
                    connection.exec_driver_sql(statement)
    except OlderDatabase as error:
        log.error("schema_refused reason=%s", error)
        return 2
    except (OperationalError, ProgrammingError) as error:
        log.error("schema_failed reason=%s", str(error.orig))
        return 1
    log.info("schema_ready created=%s", ",".join(created) or "nothing")
    take_in_prices(engine, settings.data_dir, always="--take-in" in sys.argv[1:])
    return 0


def take_in_prices(engine: Engine, data_dir: Path, *, always: bool) -> None:
    """Fill an empty store with the price files of a folder; `always`: take in what was added or changed since, too."""
    with reading(engine) as connection:
        is_empty = not current_versions(connection)
    for name, outcome in load_folder(engine, data_dir) if always or is_empty else []:
        if outcome != "already stored":
            log.info("prices_loaded file=%s %s", name, outcome)


if __name__ == "__main__":
    sys.exit(main())
