"""Retention: parts of old runs that are deleted or kept, and that deletion may stop anywhere."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from adapters.database import database_now, reading
from adapters.maintenance import retention
from adapters.maintenance.retention import Removed, parts, prune_runs
from adapters.plan_tables import PLAN, plans
from adapters.plans.ranking import DEFAULT
from adapters.plans.store import set_ranking
from adapters.runs.notes import set_note
from adapters.runs.states import set_annotations
from adapters.settings import PROJECT_ROOT
from adapters.tables import notes, run_charts, run_events, run_lines, runs
from contracts.status import PlanKind
from contracts.study import StudyStatus
from tests.services.finished_runs import break_down
from tests.services.old_runs import ended
from tests.services.processes import Programs
from tests.services.runs import Submitter

GONE = (0, 0, 0, 0)
WHOLE = (1, 2, 1, 3)  # row, charts, lines, events


def left(submitter: Submitter, run_id: str) -> tuple[int, ...]:
    """Count the rows of a run: itself, its charts, its lines, its events."""
    with reading(submitter.engine) as connection:
        counts = (
            select(func.count()).where(each.c.run_id == run_id)
            for each in (runs, run_charts, run_lines, run_events)
        )
        return tuple(connection.execute(count).scalar_one() for count in counts)


def prune(submitter: Submitter, *, dry_run: bool = False, **keep: Any) -> Removed:
    settings = replace(submitter.settings, **keep)
    return sum(prune_runs(submitter.engine, settings, dry_run=dry_run), Counter())


@pytest.mark.parametrize(
    ("setting", "remains"),
    [
        ("keep_series_days", (1, 0, 0, 3)),
        ("keep_runs_days", GONE),
    ],
)
def test_each_setting_deletes_its_kind_of_what_ended_long_ago(
    submitter: Submitter, setting: str, remains: tuple[int, ...]
) -> None:
    old, young = ended(submitter, days=11), ended(submitter, days=9)

    prune(submitter, **{setting: 10})

    assert left(submitter, old) == remains
    assert left(submitter, young) == WHOLE
    assert submitter.row(young)["trades_json"] is not None


def test_a_run_without_its_series_keeps_metrics_and_receipt(submitter: Submitter) -> None:
    run_id = ended(submitter, days=11, columns={"result_hash": "abc"})
    before = submitter.row(run_id)

    prune(submitter, keep_series_days=10)

    series = dict.fromkeys(("equity_curve_json", "trades_json", "signals_json"))
    assert submitter.row(run_id) == before | series


def test_a_marked_run_is_kept_with_its_series_however_old(submitter: Submitter) -> None:
    marks = ({"label": "idea"}, {"title": "mine"}, {"pinned": 1})
    marked = [ended(submitter, 11, columns) for columns in marks]
    origin = ended(submitter, 11)
    ended(submitter, 9, {"reproduces": origin})

    removed = prune(submitter, keep_series_days=10, keep_runs_days=10, keep_runs_count=1)

    assert removed == Counter()
    assert [left(submitter, run_id) for run_id in (*marked, origin)] == [WHOLE] * 4


def test_runs_of_a_batch_keep_their_series_and_are_never_too_many(submitter: Submitter) -> None:
    run_ids = batch(submitter, 12, 11)

    removed = prune(submitter, keep_series_days=10, keep_runs_count=1)

    assert removed == Counter()
    assert [left(submitter, run_id) for run_id in run_ids] == [WHOLE] * 2


def batch(submitter: Submitter, *days: float, batch_id: str = "sweep") -> list[str]:
    """Runs of one batch that ended so many days ago, with a ranking."""
    run_ids = [ended(submitter, each, {"batch_id": batch_id}) for each in days]
    with submitter.engine.begin() as connection:
        set_ranking(connection, batch_id, DEFAULT)
    return run_ids


def test_a_batch_goes_as_a_whole_once_its_last_run_is_old_enough(submitter: Submitter) -> None:
    old, mixed = batch(submitter, 12, 11), batch(submitter, 12, 9, batch_id="later")
    young = ended(submitter, days=9)
    with submitter.engine.begin() as connection:
        for plan_id in connection.scalars(select(PLAN.plan_id).order_by(PLAN.id)).all():
            set_note(connection, plan_id, "why", None)

    foreseen = prune(submitter, dry_run=True, keep_runs_days=10)
    removed = prune(submitter, keep_runs_days=10)

    assert foreseen == removed
    assert removed["runs"] == 2
    assert [left(submitter, run_id) for run_id in (*old, *mixed, young)] == [GONE] * 2 + [
        WHOLE
    ] * 3
    with reading(submitter.engine) as connection:
        [plan] = connection.execute(select(*PLAN["name", "plan_id"])).all()
        assert plan.name == "later"
        assert connection.scalars(select(notes.c.run_id)).all() == [plan.plan_id]


def test_a_batch_is_kept_whole_for_one_run_that_matters_or_has_not_ended(
    submitter: Submitter,
) -> None:
    pinned, origin, waiting = (
        batch(submitter, 12, 11, batch_id=name) for name in ("pinned", "origin", "waiting")
    )
    with submitter.engine.begin() as connection:
        set_annotations(connection, pinned[0], pinned=1)
    ended(submitter, 0, {"reproduces": origin[1]})
    submitter.record(batch_id="waiting")

    removed = prune(submitter, keep_runs_days=10)

    assert removed == Counter()
    assert [left(submitter, run_id) for run_id in (*pinned, *origin, *waiting)] == [WHOLE] * 6


def test_a_batch_is_judged_once_and_a_run_that_is_pinned_while_it_goes_stays(
    submitter: Submitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "DELETED", 2)
    run_ids = batch(submitter, *[11] * 6)
    walk = prune_runs(submitter.engine, replace(submitter.settings, keep_runs_days=10))

    next(walk)
    with submitter.engine.begin() as connection:
        set_annotations(connection, run_ids[4], pinned=1)
    list(walk)

    assert [left(submitter, run_id) for run_id in run_ids] == [GONE] * 4 + [WHOLE, GONE]


@pytest.mark.parametrize(
    ("status", "remains"), [(StudyStatus.TESTING, 1), (StudyStatus.COMPLETED, 0)]
)
def test_a_study_goes_with_its_runs_once_it_is_over(
    submitter: Submitter, status: StudyStatus, remains: int
) -> None:
    over = {"completed_at": database_now(-11 * 86_400)} if status.is_terminal else {}
    (run_id,) = batch(submitter, 11, batch_id="study-s")
    with submitter.engine.begin() as connection:
        connection.execute(update(plans).values(kind=PlanKind.STUDY, status=status, **over))

    prune(submitter, keep_runs_days=10)

    assert left(submitter, run_id)[0] == remains
    with reading(submitter.engine) as connection:
        assert len(connection.execute(select(plans.c.id)).all()) == remains


def test_runs_that_have_not_ended_are_kept(submitter: Submitter) -> None:
    waiting, failed = submitter.record(2)
    break_down(submitter.engine, failed)

    prune(submitter, keep_runs_count=1)
    ended(submitter, days=0)
    prune(submitter, keep_runs_count=1)

    assert submitter.status(waiting) == "PENDING"
    assert left(submitter, failed) == GONE


def test_of_too_many_runs_the_oldest_go_and_those_that_are_kept_anyway_do_not_count(
    submitter: Submitter,
) -> None:
    old = [ended(submitter, days=1) for _ in range(3)]
    marked = ended(submitter, days=1, columns={"label": "idea"})
    late = [ended(submitter, days=1) for _ in range(2)]

    removed = prune(submitter, keep_runs_count=2)

    assert removed["runs"] == 3
    assert [left(submitter, run_id)[0] for run_id in (*old, marked, *late)] == [0, 0, 0, 1, 1, 1]


def test_a_dry_run_counts_what_would_go_and_deletes_nothing(submitter: Submitter) -> None:
    run_ids = [ended(submitter, days=days) for days in (11, 21)]
    keep = {"keep_series_days": 10, "keep_runs_days": 20}

    foreseen = prune(submitter, dry_run=True, **keep)

    assert [left(submitter, run_id) for run_id in run_ids] == [WHOLE] * 2
    assert foreseen == prune(submitter, **keep)
    assert (foreseen["runs"], foreseen["series"], foreseen["charts"], foreseen["events"]) == (
        1,
        1,
        4,
        3,
    )


def test_a_walk_that_ends_in_the_middle_has_deleted_whole_portions_and_the_next_one_goes_on(
    submitter: Submitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "DELETED", 2)
    monkeypatch.setattr(retention, "LOOKED_AT", 3)
    run_ids = [ended(submitter, days=11) for _ in range(5)]
    settings = replace(submitter.settings, keep_runs_days=10)

    first = next(prune_runs(submitter.engine, settings))

    assert first["runs"] == 2
    assert [left(submitter, run_id) for run_id in run_ids] == [GONE] * 2 + [WHOLE] * 3
    assert prune(submitter, keep_runs_days=10)["runs"] == 3


def test_each_part_of_a_run_is_counted_under_a_name_of_its_own() -> None:
    names = [part.name for part in parts()]

    assert sorted(names) == sorted({*names})


def test_the_command_says_what_went(
    submitter: Submitter, platform_settings: dict[str, str]
) -> None:
    ended(submitter, days=11)

    def command(*arguments: str, **keep: str) -> str:
        line = [sys.executable, "-m", "adapters.prune", "runs", *arguments]
        environment = os.environ | platform_settings | keep
        return subprocess.run(
            line, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert command() == "no KEEP_ setting is set, so everything is kept\n"
    others = (
        "0 series of plans, 0 plans, 1 lines, 0 screens, 0 tags, 0 notes, 0 other tickers, 2 charts, 3 events, "
        "0 attempts"
    )
    report = f"1 runs, 0 series, {others} would be deleted\n"
    assert command("--dry-run", KEEP_RUNS_DAYS="10") == report
    assert command(KEEP_RUNS_DAYS="10") == report.replace("would be ", "")


def test_the_reconciler_deletes_a_portion_per_pass_where_a_setting_says_so(
    submitter: Submitter, programs: Programs
) -> None:
    old, young = ended(submitter, days=11), ended(submitter, days=9)

    programs.start("consumer.reconciler", KEEP_RUNS_DAYS="10").wait_for_line(
        "runs_pruned .*runs=1"
    )

    assert left(submitter, old) == GONE
    assert left(submitter, young) == WHOLE
