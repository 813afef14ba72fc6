"""The API and the pages of studies: cost, submission, progress, verdict; the list with the form for a new one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from flask import Response, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Connection, RowMapping

from adapters.metrics.table import METRICS
from adapters.plans.batch import Batch, batch_summary, batches_of, latest_batches
from adapters.plans.store import plan_row
from adapters.plans.study import cancel_study, insert_study, judge_again, study_batch, study_of
from adapters.prices.bars import bar_dates
from adapters.runs.series import decode_equity, unpacked_json
from adapters.runs.times import utc_text
from contracts.run_request import canonical_hash
from contracts.status import PlanKind
from contracts.study import VERDICT_METHOD, StudyPlan, StudyStatus
from contracts.values import Json, picked, without
from rules.catalog import RULES
from web.api import (
    DRY_RUN,
    ENDED,
    KEY,
    REFUSED,
    Argument,
    arguments,
    conditional,
    operation,
    typed_body,
)
from web.app import (
    ask_database,
    ask_queue,
    change_database,
    platform,
    reading_database,
    submit_plan,
)
from web.formats import any_text
from web.plans import PlanResource, Row, cancel_runs
from web.runs import operations
from web.studies.pictures import (
    equity_picture,
    folds_picture,
    histogram_picture,
    luck_of_best,
    luck_of_one,
)
from web.studies.validation import checked_plan, study_of_batch
from web.titles import PART, full_params, study_title

STUDY = PlanResource(PlanKind.STUDY, "studies", accepts_none=True)
api = STUDY.api

LOOKED_AT = 10  # latest batches, to estimate the pace
LEAST_RUNS = 20  # of a batch that is used for it
TRIALS_PER_RUN = 10  # combinations that a screen tries in the time of a run


ACCEPTED = (
    "200 a dry run, or this key has its study already",
    "202 StudyAccepted: recorded; it runs by itself",
)
ESTIMATE = replace(DRY_RUN, about="estimate the cost, record nothing")


@api.post("/api/studies")
@operation(
    *ACCEPTED,
    *REFUSED,
    asks=(KEY, ESTIMATE),
    json="StudyRequest|SweepSpec",
    body_setting="max_body_mb",
)
def submit() -> ResponseReturnValue:
    """Record a study, which then runs by itself; with ?dry_run=true only estimate its cost."""
    return submit_study(checked_plan(typed_body("application/json")))


def submit_study(plan: StudyPlan) -> ResponseReturnValue:
    """Record a checked plan; in a dry run only estimate its cost."""
    if arguments()["dry_run"]:
        return _cost(plan)

    def insert(study_id: str, columns: Json) -> None:
        record = partial(insert_study, study_id=study_id, plan=plan, **columns)
        operations.submit(record, plan.training_jobs, plan.tried + plan.last_runs)

    study_id, is_new = submit_plan(PlanKind.STUDY, canonical_hash(plan.to_json()), insert)
    return STUDY.accepted(study_id, is_new, batch_id=study_batch(study_id))


def _cost(plan: StudyPlan) -> Json:
    """Return the runs of a plan, its windows, and its duration at the pace of the latest large batch; else null."""
    pace = ask_database(_runs_per_s)
    waiting = ask_queue(lambda queue: queue.depth()) or 0
    runs = plan.training_jobs + plan.tried // TRIALS_PER_RUN + plan.last_runs
    return {
        "runs": {"training": plan.training_jobs, "test": plan.test_runs},
        "combinations": len(plan.request.combinations),
        "data_hash": plan.request.base["data_hash"],
        "windows": plan.to_json()["windows"],
        "permutations": plan.permutations,
        "waiting": waiting,
        "runs_per_s": pace,
        "seconds": round((runs + waiting) / pace, 1) if pace else None,
    }


def _runs_per_s(connection: Connection) -> float | None:
    latest = latest_batches(connection, LOOKED_AT)
    large = (batch for batch in latest if batch.ended >= LEAST_RUNS)
    paces = (batch_summary(connection, batch)["throughput_per_s"] for batch in large)
    return next(paces, None)


def listed_study(row: RowMapping) -> Json:
    """Return a study for lists."""
    summary = json.loads(row["summary"])
    return {
        "study_id": row["plan_id"],
        "title": study_title(row["title"], summary),
        **summary,
        **picked(row, ("outcome", "sentence")),
        "status": StudyStatus(row["status"]).public,
        **{name: utc_text(row[name]) for name in ("created_at", "completed_at")},
    }


@api.get("/api/studies/<uuid:study_id>")
@operation("200 Study: plan, progress, choices, verdict", STUDY.missing)
def study(study_id: str) -> Response:
    """Everything about a study: plan, progress, choices, verdict."""
    return conditional(describe_study(study_id))


def describe_study(study_id: str) -> Json:
    """Return a study for the API and its page; UnknownStudy when there is none."""
    with reading_database() as connection:
        row = plan_row(connection, PlanKind.STUDY, study_id)
        stored = study_of(row)
        batch = next(iter(batches_of(connection, [row])), None)
        seconds_left = _seconds_left(connection, batch, stored.plan) if batch else None
    return {
        **listed_study(row),
        "batch_id": stored.batch_id,
        **stored.plan.to_json(),
        "runs": {"training": stored.plan.training_jobs, "test": stored.plan.test_runs},
        "counts": batch and batch.counts,
        "seconds_left": seconds_left,
        "choices": stored.choices,
        "verdict": unpacked_json(row["result"]) if row["result"] else None,
    }


def _seconds_left(connection: Connection, batch: Batch, plan: StudyPlan) -> float | None:
    """Estimate the seconds until all Jobs of a plan have ended, submitted or not; None when unknown."""
    living, left_s = batch.living, batch_summary(connection, batch)["seconds_left"]
    to_come = plan.training_jobs + plan.last_runs - batch.runs
    return round(left_s * (to_come + living) / living, 1) if left_s and living else None


@api.post("/api/studies/<uuid:study_id>/judge")
@operation(
    "202 judged again; until then it keeps its verdict",
    STUDY.missing,
    "409 not completed, or its runs were deleted",
    owned=True,
)
def judge(study_id: str) -> ResponseReturnValue:
    """Judge a completed study again, from the same runs by the current method; the old verdict is kept, too."""
    change_database(judge_again, study_id)
    return {
        "study_id": study_id,
        "status_url": url_for("study_api.study", study_id=study_id),
    }, 202


def _cancel(study: RowMapping) -> int:
    """End a study without a verdict, and its waiting and running runs with it; Conflict when it has ended."""
    change_database(cancel_study, study["plan_id"])
    return cancel_runs(study)


def _title(row: Row) -> str:
    return study_title(row["title"], json.loads(row["summary"]))


STUDY.add_title("Set the title of a study; an empty one restores its name.", _title)
STUDY.add_note()
STUDY.add_delete()
STUDY.add_cancel(
    "Cancel a study: it ends without a verdict, and its waiting and running runs end with it.",
    "200 ended without a verdict, its runs with it",
    ENDED,
    cancel=_cancel,
)


pages = STUDY.pages

BATCH = Argument("batch", any_text, "whose combinations fill the form")
AXIS_KINDS = {"int", "float", "choice"}  # kinds of params whose values the form can list
FORMED = [rule for rule in RULES.values() if {each.kind for each in rule.params} <= AXIS_KINDS]
# values with which the form begins, by rule: a grid; of other rules the defaults
FIRST_AXES = {"MA_CROSS": {"fast": "5:40:5", "slow": "50:200:25"}}


def _form() -> Json:
    """Return what the form for a new study offers; with ?batch=<batch_id> the combinations of that batch."""
    batch_id: str | None = arguments()["batch"]
    return {
        "batch": study_of_batch(batch_id) if batch_id else None,
        "batch_id": batch_id,
        "rules": FORMED,
        "tickers": platform().prices.all(),
        "axes": FIRST_AXES,
        "metrics": METRICS,
    }


STUDY.add_list(lambda rows: [(row, listed_study(row)) for row in rows], (BATCH,), context=_form)


@pages.get("/studies/<uuid:study_id>")
def page(study_id: str) -> str:
    """One study: the verdict in a sentence, then charts and tables; live until it has ended."""
    study = describe_study(study_id)
    verdict = study["verdict"]
    return render_template(
        "studies/study.html",
        study=study,
        verdict=verdict,
        method=VERDICT_METHOD,
        pictures=[each for each in _pictures(verdict) if each[1]] if verdict else [],
        is_live=study["completed_at"] is None,
        total=study["runs"]["training"] + study["runs"]["test"],
        **_tried(study),
    )


def _tried(study: Json) -> Json:
    """Return the parameters that vary over the combinations, their short names, and the shared ones."""
    complete = partial(full_params, study["rule_type"])
    first, *others = map(complete, study["request"]["combinations"])
    varying = [name for name in first if any(each.get(name) != first[name] for each in others)]
    return {
        "complete": complete,
        "varying": varying,
        "shared": without(first, varying),
        "names": {name: name.removeprefix(PART) for name in first},
    }


def _pictures(verdict: Json) -> Iterator[tuple[str, Markup | None]]:
    """Yield titles and charts of a verdict; None for a chart that would show nothing."""
    folds, ahead = verdict["folds"], verdict["out_of_sample"]
    if ahead:
        what = "Sharpe ratio by fold: in sample (left) and out of sample (right)"
        yield what, folds_picture(list(map(_ratios, folds)))
    if permuted := verdict.get("permutation"):
        what = "Best result of the search: shuffled bars and real bars"
        yield what, _of_permutations(permuted)
    if verdict["equity"]:
        times, equity = decode_equity(verdict["equity"])
        what = "Out-of-sample equity, test parts joined" if ahead else "Equity"
        yield what, equity_picture(bar_dates(times, "1d"), equity)
    part = ahead or folds[0]
    proof = part.get("timing", part["evidence"])  # by the first method, its Sharpe ratio
    if ahead and proof and proof["trials"] == 1:
        what = "Timing Sharpe ratio out of sample: expected by luck, and observed"
        yield what, luck_of_one(proof)
    elif proof:
        what = f"Timing Sharpe ratio: best of {proof['trials']:,} expected by luck, and observed"
        yield what, luck_of_best(proof)


def _of_permutations(permuted: Json) -> Markup | None:
    bests = [value for value in permuted["bests"] if value is not None]
    if not bests or permuted["observed"] is None:
        return None
    return histogram_picture(bests, permuted["observed"], "real")


def _ratios(fold: Json) -> tuple[float | None, float | None]:
    first = fold["chosen"][0] if fold["chosen"] else {}
    train, test = (first.get(part) or {} for part in ("train", "test"))
    return train.get("sharpe_ratio"), test.get("sharpe_ratio")
