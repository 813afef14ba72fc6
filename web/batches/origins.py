"""Batches that something else has made: of a study, a screen or a portfolio, whose page says what they are worth."""

from flask import url_for
from sqlalchemy import RowMapping

from adapters.plans.store import spec_of
from contracts.status import PlanKind
from contracts.values import frozen

_NOTES = {
    "study": "These are Jobs of a study: most of what it tried is no run of its own, and its page has the verdict.",
    "screen": "These are the best of a screen: its page says what luck gives among all the combinations that it tried.",
    "portfolio": "These are the legs of a portfolio, on whose page they are traded together.",
}
_PAGES = {"study": "studies", "screen": "screens", "portfolio": "portfolios"}


@frozen
class Origin:
    """What has made a batch: study, screen or portfolio."""

    kind: str
    note: str  # what to bear in mind when reading the best of its runs
    page: str  # its address


def origin_of(plan: RowMapping) -> Origin | None:
    """What has made the runs of a plan; None of a batch that somebody submitted."""
    kind, plan_id = str(plan["kind"]), plan["plan_id"]
    if kind == PlanKind.BATCH:
        kind, plan_id = "screen", spec_of(plan).get("screen_id")
    if plan_id is None:
        return None
    return Origin(kind, _NOTES[kind], url_for(f"{_PAGES[kind]}.page", **{f"{kind}_id": plan_id}))
