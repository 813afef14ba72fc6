"""What every page shows around its content: the ways to the sections, and to the login when one is needed."""

from typing import Any

from flask import Flask

from web.access import is_allowed

# The way to each section, its name, and the pages that belong to it.
NAVIGATION = (
    ("form.page", "New run", ()),
    ("runs.page", "Runs", ("run.page", "comparison.page")),
    ("batches.listed", "Batches", ("batches.page",)),
    ("studies.listed", "Studies", ("studies.page",)),
    ("prices_pages.listed", "Prices", ("prices_pages.page",)),
    ("queue.page", "Queue", ()),
)


def register(app: Flask) -> None:
    """Give every template what the frame of a page needs."""
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    return {"navigation": NAVIGATION, "may_change": is_allowed()}
