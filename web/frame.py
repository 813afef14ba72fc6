"""What every template is given beside what Flask gives it."""

from flask import g

from adapters.runs.queries import has_tag
from contracts.values import Json
from web.platform import ask_database


def frame() -> Json:
    """Whether the one who asks may change something, and a way to ask for runs with a tag."""
    actor = g.get("actor")  # none yet when the request's host was refused
    return {
        "may_change": bool(actor and actor.may("submit")),
        "has_tag": lambda tag: ask_database(has_tag, tag),
    }
