"""A table says once what its rows are: schema, grants, retention, sizes, backup and documentation follow from that.

That its rows come back from a backup is in tests/manifests/test_backup.py.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Table, insert, select

from adapters.database import reading
from adapters.declarations import Rows
from adapters.grants import statements
from adapters.maintenance.retention import Removed, prune_runs
from adapters.maintenance.storage import bytes_by_kind
from adapters.schema import create_schema
from scripts.reference.__main__ import rendered
from scripts.reference.pages import tables
from tests.services.new_table import notes_of_runs
from tests.services.old_runs import ended
from tests.services.runs import Submitter


@pytest.fixture
def notes(submitter: Submitter) -> Iterator[Table]:
    with notes_of_runs() as table:
        create_schema(submitter.engine)
        yield table
        table.drop(submitter.engine)


def note(submitter: Submitter, notes: Table, days: float) -> str:
    """The run_id of a run that ended so many days ago, with a note of 100 bytes."""
    run_id = ended(submitter, days)
    with submitter.engine.begin() as connection:
        connection.execute(insert(notes).values(run_id=run_id, note="n" * 100))
    return run_id


def prune(submitter: Submitter, **keep: int) -> Removed:
    return sum(prune_runs(submitter.engine, replace(submitter.settings, **keep)), Counter())


@pytest.mark.parametrize("setting", ["keep_series_days", "keep_runs_days"])
def test_its_rows_are_deleted_with_what_they_are_kept_as_long_as(
    submitter: Submitter, notes: Table, setting: str
) -> None:
    note(submitter, notes, days=11)
    young = note(submitter, notes, days=9)

    removed = prune(submitter, **{setting: 10})

    with reading(submitter.engine) as connection:
        assert connection.execute(select(notes.c.run_id)).scalars().all() == [young]
    assert removed["notes"] == 1


def test_its_rows_alone_are_reason_enough_to_delete(submitter: Submitter, notes: Table) -> None:
    run_id = ended(submitter, days=11)
    prune(submitter, keep_series_days=10)
    with submitter.engine.begin() as connection:
        connection.execute(insert(notes).values(run_id=run_id, note=""))

    assert prune(submitter, keep_series_days=10) == Counter(notes=1)


def test_its_room_is_counted_under_its_kind(submitter: Submitter, notes: Table) -> None:
    with reading(submitter.engine) as connection:
        kinds = bytes_by_kind(connection).keys()

    assert "notes" in kinds or submitter.engine.dialect.name == "sqlite"


def test_each_role_gets_the_rights_that_it_declares() -> None:
    with notes_of_runs():
        granted = {each for each in statements() if "run_notes" in each}

    assert granted == {
        "GRANT SELECT ON run_notes TO 'web'",
        "GRANT INSERT ON run_notes TO 'web'",
        "GRANT DELETE ON run_notes TO 'web'",
        "GRANT SELECT ON run_notes TO 'reconciler'",
        "GRANT DELETE ON run_notes TO 'reconciler'",
        "GRANT SELECT ON run_notes TO 'inspect'",
    }


def test_the_page_of_the_database_describes_it() -> None:
    with notes_of_runs():
        _, described = rendered("database.md", {"tables": tables()}).split("## run_notes\n")

    page = described.split("\n## ")[0]
    assert "What people think of a run." in page
    assert "| `note` | MEDIUMTEXT utf8mb4 | yes | in their own words |" in page
    assert "as long as series" in page
    assert "web SELECT, INSERT, DELETE; reconciler SELECT, DELETE" in page


@pytest.mark.parametrize("subject", ["run", "plan"])
def test_what_belongs_to_a_run_or_plan_says_how_long_it_is_kept(subject: str) -> None:
    with pytest.raises(ValueError, match="kept"):
        Rows("Rows that would stay behind.", of=subject)  # type: ignore[arg-type]
