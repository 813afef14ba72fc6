"""What the errors of SQLite, MySQL and MariaDB mean: a repeated key, a collision, a server that is away or full."""

import sqlite3

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

MYSQL_CONNECTING = frozenset({2003, 2013})  # nobody there, or no answer
_MYSQL_DUPLICATE_KEY = 1062  # ER_DUP_ENTRY
_NO_SCHEMA = frozenset({1044, 1146})  # ER_DBACCESS_DENIED_ERROR, ER_NO_SUCH_TABLE
# read-only, while another server takes over or by an operator's hand; no room on the disk, for a table or at all
_UNWRITABLE = frozenset({1290, 1836, 1114, 1021, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL})
# too many connections (of all, of this user, of this account), shutdown in progress, lock wait timeout, deadlock,
# connection or statement killed (MariaDB's max_statement_time too), a Galera node that is not ready, a rollback by
# group replication (2000 to 2999: the connection broke); of SQLite another writer, a file that is away, and what
# a full disk looks like beside FULL; the transaction can be repeated as it is
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
    """What the error of a statement is raised as instead, if a unique index has refused the row."""
    error = context.sqlalchemy_exception
    if isinstance(error, IntegrityError) and (
        _error_number(error) == _MYSQL_DUPLICATE_KEY
        or "UNIQUE constraint failed" in str(error.orig)  # of SQLite
    ):
        return DuplicateKey(error.statement, error.params, error.orig)  # type: ignore[arg-type]
    return None


def is_transient(error: OperationalError) -> bool:
    """True when the database was away, took no changes, or two transactions collided: a repetition can succeed."""
    number = _error_number(error)
    is_clients_own = 2000 <= number < 3000
    return error.connection_invalidated or is_clients_own or number in _TRANSIENT


def takes_no_changes(error: SQLAlchemyError) -> bool:
    """True when the database refused a change because it takes none at all."""
    return _error_number(error) in _UNWRITABLE


def lacks_schema(error: DBAPIError) -> bool:
    """True when MySQL's user may not see the database yet, or a table is not there: nobody has made the schema."""
    return _error_number(error) in _NO_SCHEMA


def is_locked(error: SQLAlchemyError) -> bool:
    """True when another writer of SQLite took longer than it was waited for."""
    return _error_number(error) == sqlite3.SQLITE_BUSY


def has_collided(error: OperationalError) -> bool:
    """True when a repetition can succeed, and the error came at once: neither server nor lock was waited for."""
    has_waited = (
        isinstance(error.orig, sqlite3.OperationalError)
        or _error_number(error) in MYSQL_CONNECTING
    )
    return not has_waited and not error.connection_invalidated and is_transient(error)


def _error_number(error: SQLAlchemyError) -> int:
    """MySQL's, which has four digits, or SQLite's primary one, below 256; 0 where neither has said anything."""
    said = getattr(error, "orig", None)
    if code := getattr(said, "sqlite_errorcode", 0):
        return int(code) & 0xFF
    arguments = getattr(said, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
