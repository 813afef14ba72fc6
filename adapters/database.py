"""Engines and the database's own clock, for SQLite and for MySQL or MariaDB."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Engine,
    Select,
    Table,
    create_engine,
    event,
    insert,
    literal,
    make_url,
    select,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.functions import FunctionElement

from adapters.database_errors import (
    MYSQL_CONNECTING,
    DuplicateKey,
    duplicate_key,
    has_collided,
    is_transient,
    statement_too_large,
)
from contracts.values import Json

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_VALUES = 1000  # in one query
TRIES = 5  # of a transaction that collides with others
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between two attempts while the database is down
# wait of MySQL's client and server for each other, and of SQLite's writers
SILENCE_S = 30
REACH_S = 5  # for a pooled connection to prove that it works, before any statement
_POOL = {"max_overflow": 0, "pool_timeout": 10, "pool_recycle": 1800, "pool_pre_ping": True}
_MYSQL_IN_TRANSACTION = 1  # SERVER_STATUS_IN_TRANS, of the status that comes with each answer


class database_now(FunctionElement[datetime]):
    """The database's UTC time, `offset_s` seconds later; the only clock that decides anything."""

    type = DateTime()
    inherit_cache = True

    def __init__(self, offset_s: float = 0.0) -> None:
        super().__init__(literal(float(offset_s)))


@compiles(database_now, "sqlite")
def _sqlite_now(element: database_now, compiler: Any, **options: Any) -> str:
    # SQLite knows milliseconds; three zeros make the text as long, and so as sortable, as Python's
    offset_s = compiler.process(element.clauses, **options)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {offset_s} || ' seconds') || '000')"


@compiles(database_now, "mysql")
@compiles(database_now, "mariadb")
def _mysql_now(element: database_now, compiler: Any, **options: Any) -> str:
    return f"(UTC_TIMESTAMP(6) + INTERVAL {compiler.process(element.clauses, **options)} SECOND)"


def connect_database(
    database_url: str, *, pool_size: int = 0, answer_s: int = SILENCE_S
) -> Engine:
    """Make an engine for `database_url`; without a pool each connection is closed after use, as suits a short process.

    answer_s: limit for MySQL to answer one statement, or to accept a connection outside a pool; and for SQLite to wait
    for another writer.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return _connect_sqlite(url, answer_s)
    pool: Json = _POOL | {"pool_size": pool_size} if pool_size else {"poolclass": NullPool}
    arguments = _mysql_arguments(url, REACH_S if pool_size else answer_s)
    engine = create_engine(url, connect_args=arguments, pool_reset_on_return=None, **pool)
    event.listen(engine, "handle_error", duplicate_key)
    event.listen(engine, "handle_error", statement_too_large)
    event.listen(engine, "reset", _reset_mysql)
    event.listen(engine, "connect", _prepare_mysql)
    event.listen(engine, "begin", _begin_mysql)
    if pool_size:
        _share(engine, answer_s)
    return engine


def _share(engine: Engine, answer_s: int) -> None:
    """Use short timeouts to connect and ping, `answer_s` for statements: no thread waits long for a dead server."""

    def set_timeout(seconds: int) -> Callable[..., None]:
        def listener(connection: Any, *_others: Any) -> None:
            if connection is not None:  # a broken one that is given back
                # PyMySQL has no public name for it after connecting
                connection._read_timeout = seconds

        return listener

    event.listen(engine, "do_connect", ConnectCircuitBreaker().connect)
    event.listen(engine, "checkout", set_timeout(answer_s))  # after the ping
    event.listen(engine, "checkin", set_timeout(REACH_S))


class ConnectCircuitBreaker:
    """While a server does not answer, one thread at a time tries to connect, and all others fail at once."""

    def __init__(self) -> None:
        self._is_away = False
        self._first = Lock()

    def connect(self, dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Any:
        """Connect; raise at once while another thread retries after a failure."""
        is_first = self._first.acquire(blocking=False)
        try:
            if self._is_away and not is_first:
                raise dialect.dbapi.OperationalError(
                    2003, "MySQL did not answer; another thread is retrying"
                )
            connection = dialect.connect(*arguments, **parameters)
            self._is_away = False
            return connection
        except dialect.dbapi.OperationalError as error:
            self._is_away = error.args[0] in MYSQL_CONNECTING
            raise
        finally:
            if is_first:
                self._first.release()


def _mysql_arguments(url: URL, answer_s: int) -> Json:
    return {
        "connect_timeout": min(REACH_S, answer_s),
        "read_timeout": answer_s,
        "write_timeout": SILENCE_S,
        # a guarded UPDATE must see what others have committed, and gap locks would only cause deadlocks
        "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        # loading the CA certificates costs 33 ms, paid at each Job's start
        "ssl_disabled": not any(name.startswith("ssl") for name in url.query),
    }


def _prepare_mysql(connection: Any, _record: Any) -> None:
    """Let the server roll back soon for a client that froze or died, instead of keeping its locks for 8 hours."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION wait_timeout = {SILENCE_S}")


def _reset_mysql(connection: Any, _record: Any, _state: Any) -> None:
    """Roll back an open transaction; after a commit there is none, and a rollback would cost a round trip."""
    if connection.server_status & _MYSQL_IN_TRANSACTION:
        connection.rollback()


def _begin_mysql(connection: Connection) -> None:
    # for this one transaction: all its queries see one state, as in SQLite; a writer needs the latest one
    if connection.get_execution_options().get("read_only"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _connect_sqlite(url: URL, busy_s: int) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(
        url, connect_args={"timeout": min(busy_s, SILENCE_S)}, poolclass=NullPool
    )
    event.listen(engine, "handle_error", duplicate_key)
    event.listen(engine, "do_connect", _require_file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _require_file(_dialect: Any, _record: Any, arguments: Sequence[str], _named: Any) -> None:
    """Refuse to connect when the file is gone, as after a move; SQLite would create an empty one in its place."""
    if not Path(arguments[0]).exists():
        error = sqlite3.OperationalError(f"there is no file {arguments[0]}")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # transactions begin where `_begin_sqlite` says so, not where sqlite3 guesses
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    # a transaction that reads first and writes later fails at once when another writer came between; IMMEDIATE waits
    mode = "DEFERRED" if connection.get_execution_options().get("read_only") else "IMMEDIATE"
    connection.exec_driver_sql(f"BEGIN {mode}")


def reading(engine: Engine) -> Connection:
    """Open a connection for queries, which all see the state at the first of them; it blocks no writer."""
    return engine.connect().execution_options(read_only=True)


def committed(engine: Engine, change: Callable[[Connection], T]) -> T:
    """Return what `change` returns in a transaction of its own, retried when that collides with another one.

    OperationalError when the connection breaks, since the change may have been made; and when no connection can be
    made, or SQLite stays locked, since each try has waited already.
    """
    return retry(engine, change, [0.0] * (TRIES - 1), has_collided)


def retry(
    engine: Engine,
    change: Callable[[Connection], T],
    pauses_s: Iterable[float],
    may_retry: Callable[[OperationalError], bool],
) -> T:
    """Return what `change` returns in a transaction of its own; retry after each pause while `may_retry(error)`."""
    pauses = iter(pauses_s)
    while True:
        try:
            with engine.begin() as connection:
                return change(connection)
        except OperationalError as error:
            pause_s = next(pauses, None) if may_retry(error) else None
            if pause_s is None:
                raise
            if pause_s:
                log.warning("database_unreachable pause_s=%.1f reason=%s", pause_s, error.orig)
        time.sleep(pause_s)


def persist(
    engine: Engine,
    write: Callable[[Connection], T],
    patience_s: float,
    is_pointless: Callable[[], bool] = lambda: False,
) -> T:
    """Return the result of `write` in its own committed transaction; retry for `patience_s` while the database is away.

    `write` must be guarded, so that repeating it after a commit whose answer got lost changes nothing. The last
    OperationalError is raised after `patience_s`, or once `is_pointless` returns True.
    """
    pauses_s = _pauses_until(time.monotonic() + patience_s)
    return retry(
        engine, write, pauses_s, lambda error: is_transient(error) and not is_pointless()
    )


def _pauses_until(deadline: float) -> Iterator[float]:
    """Doubling pauses up to the longest, as long as the next one ends before the deadline."""
    pause_s = FIRST_PAUSE_S
    while time.monotonic() + pause_s <= deadline:
        yield pause_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def time_of(connection: Connection) -> datetime:
    """Return the database's time."""
    return connection.execute(select(database_now())).scalar_one()


def has_rows(connection: Connection, query: Select[Any]) -> bool:
    """Tell whether a query has a row."""
    return connection.execute(query.limit(1)).first() is not None


def insert_if_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row and return True; False, with the transaction intact, when a row has its key already."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(**values))
    except DuplicateKey:
        return False
    return True


def portions(values: Sequence[T], most: int = MOST_VALUES) -> Iterator[Sequence[T]]:
    """Split values into parts of at most `most`, by default what one query can name."""
    return (values[start : start + most] for start in range(0, len(values), most))
