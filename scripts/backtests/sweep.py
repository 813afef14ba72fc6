"""A sweep that has a line for each run."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from backtests.client import Client
from backtests.errors import BadInput, Refused

MAX_NAME = 40  # characters of the name that go into the batch id
FIRST_SHOWN = 5
_NUMBER = re.compile(r"(?<![\w'])-?\d+(\.\d+)?(?![\w'])")  # by itself, not in a ticker


class PlannedRun(NamedTuple):
    """One run as it will be sent, and the place in the file that it comes from."""

    values: dict[str, Any]
    place: str  # "line 12"


@dataclass(frozen=True)
class Table:
    """The runs of a file, one for each line."""

    name: str
    runs: tuple[PlannedRun, ...]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The runs as the platform takes them."""
        return [run.values for run in self.runs]

    def batch(self, client: Client, batch_id: str | None) -> dict[str, Any]:
        """Its batch_id, by default its name and a hash of its runs, and the ranking that it asks for."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:MAX_NAME] or "sweep"
        content = json.dumps(self.requests, sort_keys=True, default=str)
        made = f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"
        return {"batch_id": batch_id or made, "ranking": None}

    def plan(self, client: Client, batch_id: str | None) -> dict[str, Any]:
        """As `Client.plan_sweep`; BadInput with all that the platform finds wrong, at its place in the file."""
        batch = self.batch(client, batch_id)
        try:
            found = client.plan(self.requests, batch["batch_id"])
        except Refused as refused:
            raise BadInput(self.faults_in(refused)) from None
        return (
            batch
            | found._asdict()
            | {"runs": len(self.runs), "first_requests": self.requests[:FIRST_SHOWN]}
        )

    def submit(self, client: Client, batch_id: str) -> None:
        """Send the runs that the batch does not have."""
        client.submit(self.requests, batch_id)

    def faults_in(self, refused: Refused) -> list[str]:
        """What the platform refused, at its line; what differs in numbers only is told once."""
        alike: dict[tuple[str, str], list[str]] = {}
        for place, fault in refused.errors.items():
            number, _, name = place.partition(".")
            line = self.runs[int(number) - 1].place
            alike.setdefault((name, _NUMBER.sub("0", fault)), []).append(
                f"{line}: {name}: {fault}"
            )
        told = []
        for first, *more in alike.values():
            others = f" (and {len(more)} more run{'s' if len(more) > 1 else ''})" if more else ""
            told.append(first + others)
        return told + unfolded(refused, told)


def unfolded(refused: Refused, told: list[str]) -> list[str]:
    """The platform's own words, where its faults by field do not say it all."""
    return [line for line in refused.message.splitlines() if not told or "are listed" in line]
