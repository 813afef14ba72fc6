"""Meanings of errors of SQLite, MySQL and MariaDB: a duplicate key, a collision, a server that is away or full."""

import sqlite3
from typing import Any

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
)

MYSQL_CONNECTING = frozenset({2003, 2013})  # unreachable, or no answer
# ER_NET_PACKET_TOO_LARGE; most clients only see a closed connection (CR_SERVER_GONE_ERROR, CR_SERVER_LOST)
_MYSQL_TOO_LARGE = frozenset({1153, 2006, 2013})
_SURELY_SMALL = 65_536  # bytes of a statement that every server takes
_MYSQL_DUPLICATE_KEY = 1062  # ER_DUP_ENTRY
_NO_SCHEMA = frozenset({1044, 1146})  # ER_DBACCESS_DENIED_ERROR, ER_NO_SUCH_TABLE
# read-only during a failover or by an operator; disk full, for a table or at all
_UNWRITABLE = frozenset({1290, 1836, 1114, 1021, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL})
# too many connections (of all, of this user, of this account), shutdown in progress, lock wait timeout, deadlock,
# connection or statement killed (MariaDB's max_statement_time too), a Galera node that is not ready, a rollback by
# group replication (2000 to 2999: the connection broke); of SQLite another writer, a missing file, and other
# signs of a full disk; the transaction can be repeated as it is
_TRANSIENT = _UNWRITABLE | {
    *(1040, 1203, 1226, 1053, 1205, 1213, 1927, 1317, 1969, 1047, 3101),
    1305,  # no such savepoint: it went with its transaction, which a deadlock has ended
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}


class DuplicateKey(IntegrityError):
    """A unique index refused the row, as opposed to a fault of the statement."""


def duplicate_key(context: ExceptionContext) -> DuplicateKey | None:
    """Return the error to raise instead, if a unique index refused the row; else None."""
    error = context.sqlalchemy_exception
    if isinstance(error, IntegrityError) and (
        _error_number(error) == _MYSQL_DUPLICATE_KEY
        or "UNIQUE constraint failed" in str(error.orig)  # of SQLite
    ):
        return DuplicateKey(error.statement, error.params, error.orig)  # type: ignore[arg-type]
    return None


class StatementTooLarge(DataError):
    """MySQL's max_allowed_packet is below the size of the statement, so that a repetition cannot succeed."""


def statement_too_large(context: ExceptionContext) -> StatementTooLarge | None:
    """Return the error to raise instead, if the statement exceeds MySQL's packet limit; else None."""
    error = context.sqlalchemy_exception
    if not isinstance(error, OperationalError) or _error_number(error) not in _MYSQL_TOO_LARGE:
        return None
    size = _statement_bytes(context)
    if size <= _SURELY_SMALL or context.engine is None:
        return None
    try:
        with context.engine.connect() as another:
            limit = another.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
    except SQLAlchemyError:
        return None  # it is away
    if size < limit:
        return None
    # the server has closed this connection, and no other one
    context.is_disconnect, context.invalidate_pool_on_disconnect = True, False
    reason = (
        f"the database takes statements of at most {limit:,} bytes, and this one has {size:,}: "
        "raise max_allowed_packet on the server, to 8 MB at least"
    )
    return StatementTooLarge(error.statement, error.params, ValueError(reason))


def _statement_bytes(context: ExceptionContext) -> int:
    """Return the size of the largest packet that PyMySQL makes of the statement."""
    execution, statement = context.execution_context, context.statement
    if execution is None or statement is None:
        return 0
    cursor: Any = execution.cursor
    if not isinstance(context.parameters, list):
        return len(cursor.mogrify(statement, context.parameters).encode(errors="surrogateescape"))
    sizes = [
        len(cursor.mogrify(statement, row).encode(errors="surrogateescape"))
        for row in context.parameters
    ]
    most: int = cursor.max_stmt_length  # of several rows together
    return max(*sizes, min(sum(sizes), most))


def is_transient(error: OperationalError) -> bool:
    """Tell whether a retry can succeed: the database was away, took no changes, or two transactions collided."""
    number = _error_number(error)
    is_clients_own = 2000 <= number < 3000
    return error.connection_invalidated or is_clients_own or number in _TRANSIENT


def takes_no_changes(error: SQLAlchemyError) -> bool:
    """Tell whether the database takes no changes at all."""
    return _error_number(error) in _UNWRITABLE


def lacks_schema(error: DBAPIError) -> bool:
    """Tell whether the schema is missing: MySQL's user may not see the database yet, or a table does not exist."""
    return _error_number(error) in _NO_SCHEMA


def is_locked(error: SQLAlchemyError) -> bool:
    """Tell whether SQLite gave up waiting for another writer."""
    return _error_number(error) == sqlite3.SQLITE_BUSY


def has_collided(error: OperationalError) -> bool:
    """Tell whether a retry can succeed and the error came at once, without a wait for server or lock."""
    has_waited = (
        isinstance(error.orig, sqlite3.OperationalError)
        or _error_number(error) in MYSQL_CONNECTING
    )
    return not has_waited and not error.connection_invalidated and is_transient(error)


def _error_number(error: SQLAlchemyError) -> int:
    """Return MySQL's number, which has four digits, or SQLite's primary code, below 256; 0 if there is neither."""
    driver_error = getattr(error, "orig", None)
    if code := getattr(driver_error, "sqlite_errorcode", 0):
        return int(code) & 0xFF
    arguments = getattr(driver_error, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
