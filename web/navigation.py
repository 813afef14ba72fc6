"""What every page shows around its content: the ways to the sections, and to the login when one is needed."""

from flask import g, request, session

from adapters.runs.queries import has_tag
from contracts.values import Json
from web.platform import ask_database

# The way to each section, its name, and the pages that belong to it.
NAVIGATION = (
    ("form.page", "New run", ()),
    ("runs.page", "Runs", ("run.page", "comparison.page", "screens.page")),
    ("batches.listed", "Batches", ("batches.page",)),
    ("portfolios.listed", "Portfolios", ("portfolios.page",)),
    ("studies.listed", "Studies", ("studies.page",)),
    ("prices_pages.listed", "Prices", ("prices_pages.page",)),
    ("queue.page", "Queue", ()),
)


EXAMPLE_TAG = "example"  # of the runs in scripts/run_local.py


def frame() -> Json:
    """What every template is given for the frame of its page."""
    actor = g.get("actor")  # none yet when the request's host was refused
    return {
        "navigation": NAVIGATION,
        "is_logged_in": "token" in session,
        "may_administer": bool(actor and actor.may("admin")),
        "example_tag": EXAMPLE_TAG,
        "has_examples": lambda: ask_database(has_tag, EXAMPLE_TAG),
        "may_change": bool(actor and actor.may("submit")),
        "theme": request.cookies.get("theme", "system"),  # see css/palette.css and js/settings.js
        "shortcuts_are_off": request.cookies.get("shortcuts") == "off",
    }
