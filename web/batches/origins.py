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
    """What has made a batch: study, screen or portfolio, and its id."""

    kind: str
    id: str

    @property
    def note(self) -> str:
        """What to bear in mind when reading the best of its runs."""
        return _NOTES[self.kind]

    @property
    def page(self) -> str:
        """The address of its page."""
        pages = "studies" if self.kind == "study" else f"{self.kind}s"
        by_id: Json = {f"{self.kind}_id": self.id}
        return url_for(f"{pages}.page", **by_id)


def origin_of(batch_id: str) -> Origin | None:
    """What has made a batch; None of one that somebody submitted."""
    kind, _, name = batch_id.partition("-")
    try:
        return Origin(kind, str(UUID(name))) if kind in _NOTES else None
    except ValueError:
        return None
