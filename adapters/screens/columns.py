"""Combinations that one Job tries, and what each came to, in columns: 100,000 of them take a few megabytes."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from adapters.batches.leaderboard import RUIN_PCT, Ranking
from adapters.metrics.measured import Array
from adapters.prices.packing import packed_columns, unpacked_columns
from contracts.values import Json

# equal to those of a run
CORE = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades")
# of a screen; the last one tells how far the trials differ
MEASURED = (*CORE, "timing_sharpe_ratio")
MAX_COMBINATIONS = 100_000
Member = Json  # of the swept parameters, those of a rule of one's own by dotted names


@dataclass(frozen=True)
class Combinations:
    """values: of each swept parameter, each once. places: (combinations, parameters), of its values among them."""

    values: Mapping[str, Sequence[Any]]
    places: Array

    @classmethod
    def of(cls, members: Sequence[Member]) -> "Combinations":
        """Those of a sweep; None stands for a parameter that one of them does not have."""
        names = dict.fromkeys(name for member in members for name in member)
        columns = {name: [member.get(name) for member in members] for name in names}
        values = {
            name: list({repr(value): value for value in column}.values())
            for name, column in columns.items()
        }
        places = np.zeros((len(members), len(names)), dtype=np.int64)
        for number, (name, column) in enumerate(columns.items()):
            ranks = {repr(value): rank for rank, value in enumerate(values[name])}
            places[:, number] = [ranks[repr(value)] for value in column]
        return cls(values, places)

    def __len__(self) -> int:
        return len(self.places)

    def member(self, number: int) -> Member:
        """One combination."""
        given = zip(self.values.items(), self.places[number].tolist(), strict=True)
        return {
            name: values[place] for (name, values), place in given if values[place] is not None
        }

    def column(self, name: str, numbers: Array) -> list[Any]:
        """The value that each of these combinations has of a parameter."""
        values, places = self.values[name], self.places[:, list(self.values).index(name)]
        return [values[place] for place in places[numbers].tolist()]

    def hash_with(self, request_hash: str) -> str:
        """SHA-256 over a request and all that is tried of it."""
        packed = self.packed()
        return sha256(
            f"{request_hash} {packed['values_json']}".encode() + packed["places"]
        ).hexdigest()

    def packed(self) -> Json:
        """As it lies in the database."""
        return {
            "combinations": len(self),
            "values_json": json.dumps(self.values, ensure_ascii=False),
            "places": packed_columns(self.places.T),
        }

    @classmethod
    def unpacked(cls, row: Mapping[Any, Any]) -> "Combinations":
        """As `packed` has packed it."""
        places = np.array(unpacked_columns(row["places"]), dtype=np.int64)
        return cls(json.loads(row["values_json"]), places.reshape(-1, row["combinations"]).T)


def packed_metrics(measured: Array, names: Sequence[str] = MEASURED) -> bytes:
    """measured: (combinations, names) float64, NaN where a metric has no value."""
    return zlib.compress(
        " ".join(names).encode() + b"\n" + np.ascontiguousarray(measured.T, "<f8").tobytes()
    )


def unpacked_metrics(packed: bytes) -> dict[str, Array]:
    """Each metric by combination."""
    names, _, numbers = zlib.decompress(packed).partition(b"\n")
    columns = np.frombuffer(numbers, "<f8").reshape(names.count(b" ") + 1, -1)
    return dict(zip(names.decode().split(), columns, strict=True))


def may_rank(metrics: Mapping[str, Array], ranking: Ranking) -> Array:
    """Which have made a trade, have not lost everything, and have a value of the metric."""
    kept = (metrics["num_trades"] > 0) & ~(metrics["max_drawdown_pct"] >= RUIN_PCT)
    return kept & np.isfinite(metrics[ranking.metric])


def ranked_places(
    metrics: Mapping[str, Array], ranking: Ranking, scores: Array | None = None
) -> Array:
    """The numbers of those that have a place, the best first, equals in their order.

    None has one that made no trade, lost everything, or has no value of a metric that it is ranked or bounded by.
    scores: what is compared, where that is not the metric itself.
    """
    kept = may_rank(metrics, ranking)
    for each in ranking.constraints:
        known = {name: np.ma.masked_invalid(metrics[name]) for name in each.names}
        for holds in each.over(known):  # unknown where a metric is, or where it divides by 0
            kept &= np.ma.filled(holds, False)
    numbers = np.flatnonzero(kept)
    values = (metrics[ranking.metric] if scores is None else scores)[numbers]
    return numbers[np.argsort(-values if ranking.goal == "max" else values, kind="stable")]
