"""Origin of batches that a study, a screen or a portfolio submitted, and the note that refers to it."""

from flask import url_for
from sqlalchemy import RowMapping

from adapters.plans.store import spec_of
from contracts.status import PlanKind
from contracts.values import frozen

_NOTES = {
    "study": "These are Jobs of a study: most of what it tried is no run of its own, and its page has the verdict.",
    "screen": "These are the best of a screen: its page shows what luck alone gives among all its combinations.",
    "portfolio": "These are the legs of a portfolio; its page shows them traded together.",
}
_PAGES = {"study": "studies", "screen": "screens", "portfolio": "portfolios"}


@frozen
class Origin:
    """Origin of a batch: a study, screen or portfolio."""

    kind: str
    note: str  # on reading the best of its runs
    page: str  # its address


def origin_of(plan: RowMapping) -> Origin | None:
    """Return the plan that submitted the runs of a batch; None when somebody submitted it directly."""
    kind, plan_id = str(plan["kind"]), plan["plan_id"]
    if kind == PlanKind.BATCH:
        kind, plan_id = "screen", spec_of(plan).get("screen_id")
    if plan_id is None:
        return None
    return Origin(kind, _NOTES[kind], url_for(f"{_PAGES[kind]}.page", **{f"{kind}_id": plan_id}))
