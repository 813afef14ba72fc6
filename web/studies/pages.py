"""The pages of studies: the list with the form for a new one; one study, its verdict first."""

from collections.abc import Iterator
from functools import partial

from flask import render_template
from markupsafe import Markup

from adapters.metrics.table import METRICS
from adapters.prices.bars import bar_dates
from adapters.runs.stored_series import decode_equity
from contracts.study import VERDICT_METHOD
from contracts.values import Json, without
from rules.catalog import RULES
from web.api import Argument, arguments
from web.app import platform
from web.formats import any_text
from web.studies.api import STUDY, describe_study, listed_study
from web.studies.pictures import (
    equity_picture,
    folds_picture,
    histogram_picture,
    luck_of_best,
    luck_of_one,
)
from web.studies.validation import study_of_batch
from web.titles import PART, full_params

blueprint = STUDY.pages

BATCH = Argument("batch", any_text, "whose combinations fill the form")
AXIS_KINDS = {"int", "float", "choice"}  # kinds of params whose values the form can list
FORMED = [rule for rule in RULES.values() if {each.kind for each in rule.params} <= AXIS_KINDS]


def _form() -> Json:
    """Return what the form for a new study offers; with ?batch=<batch_id> the combinations of that batch."""
    batch_id: str | None = arguments()["batch"]
    return {
        "batch": study_of_batch(batch_id) if batch_id else None,
        "batch_id": batch_id,
        "rules": FORMED,
        "tickers": platform().prices.all(),
        "metrics": METRICS,
    }


STUDY.add_list(lambda rows: [(row, listed_study(row)) for row in rows], (BATCH,), _form)


@blueprint.get("/studies/<uuid:study_id>")
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
        what = "Sharpe ratio by fold: left in sample, right out of sample"
        yield what, folds_picture(list(map(_ratios, folds)))
    if permuted := verdict.get("permutation"):
        what = "Best result of the search on shuffled bars, and on the real ones"
        yield what, _of_permutations(permuted)
    if verdict["equity"]:
        times, equity = decode_equity(verdict["equity"])
        what = "Out-of-sample equity over consecutive test parts" if ahead else "Equity"
        yield what, equity_picture(bar_dates(times, "1d"), equity)
    part = ahead or folds[0]
    proof = part.get("timing", part["evidence"])  # by the first method, its Sharpe ratio
    if ahead and proof:
        what = "Sharpe ratio of timing out of sample: expected without skill, and observed"
        yield what, luck_of_one(proof)
    elif proof:
        what = f"Sharpe ratio of timing: expected by luck as the best of {proof['trials']:,}, and observed"
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
