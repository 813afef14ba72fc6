"""The list of runs reads few of them where one of several bounds leaves few."""

from sqlalchemy.engine import Connection

from adapters.database import connect_database, reading
from adapters.runs.lists import RunFilter, list_runs
from adapters.tables import RUN
from tests.bench.many_runs import fill

RUNS = 4_000


def steps(connection: Connection) -> int:
    """Number of index entries that the session has stepped over."""
    rows = connection.exec_driver_sql(
        "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_read_prev')"
    )
    return sum(int(value) for _, value in rows)


def test_of_two_bounds_the_one_that_leaves_fewer_runs_is_searched_by(mariadb_url: str) -> None:
    engine = connect_database(mariadb_url)
    fill(engine, RUNS)
    sharpe, returned = RUN.sharpe_ratio, RUN.total_return_pct
    run_filter = RunFilter(having={sharpe: sharpe >= 1.0, returned: returned <= -80.0})

    with reading(engine) as connection:
        before = steps(connection)
        page = list_runs(connection, run_filter)
        taken = steps(connection) - before

    assert not page.rows
    assert taken < RUNS / 100, "one in 200 has such a return, one in 6 such a Sharpe ratio"
