"""Training and test parts of a study, by calendar days; test parts follow each other and never overlap."""

from collections.abc import Iterator
from datetime import date, timedelta

from contracts.study import StudyRequest, Window

DAY = timedelta(days=1)


def windows_of(request: StudyRequest, start: date, end: date) -> list[Window]:
    """The parts of a study from `start` to `end`, both included; [] when the first fold does not fit."""
    if request.kind in ("selection", "permutation"):
        return [Window(_span(start, end), None)]
    if request.kind == "holdout":
        split = start + timedelta(
            days=round(((end - start).days + 1) * (1 - request.holdout_share))
        )
        return [Window(_span(start, split - DAY), _span(split, end))]
    return list(_folds(request, start, end))


def _folds(request: StudyRequest, start: date, end: date) -> Iterator[Window]:
    """Whole folds only: what is left behind the last one takes no part."""
    train, test = timedelta(days=request.train_days), timedelta(days=request.test_days)
    split = start + train
    while split + test - DAY <= end:
        yield Window(
            _span(start if request.anchored else split - train, split - DAY),
            _span(split, split + test - DAY),
        )
        split += test


def _span(first: date, last: date) -> tuple[str, str]:
    return first.isoformat(), last.isoformat()
