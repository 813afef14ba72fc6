"""Batches that something else has made: of a study, a screen or a portfolio, whose page says what they are worth."""

from uuid import UUID

from flask import url_for

from contracts.values import Json, frozen

_NOTES = {
    "study": "These are Jobs of a study: most of what it tried is no run of its own, and its page has the verdict.",
    "screen": "These are the best of a screen: its page says what luck gives among all the combinations that it tried.",
    "portfolio": "These are the legs of a portfolio, on whose page they are traded together.",
}


@frozen
class Origin:
    """What has made a batch: study, screen or portfolio."""

    kind: str
    note: str  # what to bear in mind when reading the best of its runs
    page: str  # its address


def origin_of(batch_id: str) -> Origin | None:
    """What has made a batch; None of one that somebody submitted."""
    kind, _, name = batch_id.partition("-")
    try:
        by_id: Json = {f"{kind}_id": str(UUID(name))}
    except ValueError:
        return None
    if kind not in _NOTES:
        return None
    pages = "studies" if kind == "study" else f"{kind}s"
    return Origin(kind, _NOTES[kind], url_for(f"{pages}.page", **by_id))
