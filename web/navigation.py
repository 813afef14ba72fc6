"""What every page shows around its content: the ways to the sections, and to the login when one is needed."""

from typing import Any

from flask import Flask, g, request

from web.actors import is_in_session

# The way to each section, its name, and the pages that belong to it.
NAVIGATION = (
    ("form.page", "New run", ()),
    ("runs.page", "Runs", ("run.page", "comparison.page")),
    ("batches.listed", "Batches", ("batches.page",)),
    ("studies.listed", "Studies", ("studies.page",)),
    ("prices_pages.listed", "Prices", ("prices_pages.page",)),
    ("queue.page", "Queue", ()),
)

# Which media each palette is for, by the theme that a reader has chosen; print is always light. See js/settings.js.
PALETTES = {
    "system": {"light": "(prefers-color-scheme: light), print", "dark": "screen and (prefers-color-scheme: dark)"},
    "light": {"light": "all", "dark": "not all"},
    "dark": {"light": "print", "dark": "screen"},
}


def register(app: Flask) -> None:
    """Give every template what the frame of a page needs."""
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    actor = g.get("actor")  # none yet when the request's host was refused
    chosen = request.cookies.get("theme", "")
    theme = chosen if chosen in PALETTES else "system"
    return {
        "navigation": NAVIGATION,
        "is_logged_in": is_in_session(),
        "may_administer": bool(actor and actor.may("admin")),
        "may_change": bool(actor and actor.may("submit")),
        "theme": theme,
        "palettes": PALETTES[theme],
        "shortcuts_are_off": request.cookies.get("shortcuts") == "off",
    }
