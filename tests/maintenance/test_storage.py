"""Space that one day of runs takes, and free space."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from adapters.database import database_now, reading
from adapters.maintenance.storage import bytes_a_day, bytes_left
from adapters.tables import runs
from tests.services.runs import Submitter


def test_a_day_takes_a_seventh_of_what_the_runs_of_a_week_take(submitter: Submitter) -> None:
    submitter.record(3)
    with submitter.engine.begin() as connection:
        connection.execute(update(runs).values(created_at=database_now(-8 * 86_400)))
    submitter.record(1)

    with reading(submitter.engine) as connection:
        assert bytes_a_day(connection, 2800) == 100


def test_what_is_left_is_the_room_of_sqlites_disk_and_of_mysqls_volume_where_that_is_known(
    submitter: Submitter,
) -> None:
    with reading(submitter.engine) as connection:
        unknown, limited = (
            bytes_left(replace(submitter.settings, database_gib=gib), connection, 2**29)
            for gib in (None, 1)
        )

    if submitter.engine.dialect.name == "sqlite":
        assert unknown and unknown == pytest.approx(limited, rel=0.1)
    else:
        assert (unknown, limited) == (None, 2**29)
