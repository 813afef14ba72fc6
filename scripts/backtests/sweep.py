"""A sweep that has a line for each run."""

import hashlib
import json
import re
from collections import defaultdict
from typing import NamedTuple

from backtests.client import Client
from backtests.errors import BadInput, Refused
from backtests.transport import Json

MAX_NAME = 40  # characters of the name that go into the batch id
FIRST_SHOWN = 5
_NUMBER = re.compile(r"(?<![\w'])-?\d+(\.\d+)?(?![\w'])")  # by itself, not in a ticker


class Table(NamedTuple):
    """The runs of a file, one for each line."""

    name: str
    runs: dict[int, Json]  # by line

    @property
    def requests(self) -> list[Json]:
        """The runs as the platform takes them."""
        return list(self.runs.values())

    def batch_id(self, client: Client) -> str:
        """The name and a hash of the runs, as the platform has it for a sweep of the same runs."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:MAX_NAME] or "sweep"
        content = json.dumps(self.requests, sort_keys=True, default=str)
        return f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def plan(self, client: Client, batch_id: str | None) -> Json:
        """As `Client.plan_sweep`; BadInput with all that the platform finds wrong, at its place in the file."""
        requests, batch_id = self.requests, batch_id or self.batch_id(client)
        try:
            found = client.plan(requests, batch_id)._asdict()
        except Refused as refused:
            raise BadInput(*self._faults_in(refused)) from None
        told = {"runs": len(requests), "first_requests": requests[:FIRST_SHOWN]}
        return found | told | {"batch_id": batch_id}

    def submit(self, client: Client, batch_id: str) -> None:
        """Send the runs that the batch does not have."""
        client.submit(self.requests, batch_id)

    def _faults_in(self, refused: Refused) -> list[str]:
        """What the platform refused, at its line; what differs in numbers only is told once."""
        lines, alike = list(self.runs), defaultdict[tuple[str, str], list[str]](list)
        for place, fault in refused.errors.items():
            number, _, name = place.partition(".")
            line = lines[int(number) - 1]
            alike[name, _NUMBER.sub("0", fault)].append(f"line {line}: {name}: {fault}")
        told = []
        for first, *more in alike.values():
            others = f" (and {len(more)} more run{'s' if len(more) > 1 else ''})" if more else ""
            told.append(first + others)
        return [*told, *unfolded(refused, told)]


def unfolded(refused: Refused, told: list[str]) -> list[str]:
    """The platform's own words, where its faults by field do not say it all."""
    return [line for line in refused.message.splitlines() if not told or "are listed" in line]
