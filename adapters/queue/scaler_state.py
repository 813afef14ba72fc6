"""What the local scaler tells of itself, so that pages can say it; KEDA tells nothing, and is seen by its Jobs."""

import json
from dataclasses import asdict, dataclass

from redis import Redis

from adapters.queue.connection import reachable
from adapters.settings import Settings

TOLD_S = 10  # a scaler that has said nothing for so long is gone


@dataclass(frozen=True, slots=True)
class ScalerState:
    """How many Jobs it runs at most, and whether it is paused."""

    capacity: int
    paused: bool


def tell(redis: Redis, settings: Settings, state: ScalerState) -> None:
    """Keep it in Redis for TOLD_S seconds; QueueUnavailable while Redis is away."""
    with reachable():
        redis.set(_key(settings), json.dumps(asdict(state)), ex=TOLD_S)


def told(redis: Redis, settings: Settings) -> ScalerState | None:
    """The latest state, None when no local scaler runs; QueueUnavailable while Redis is away."""
    with reachable():
        text = redis.get(_key(settings))
    return ScalerState(**json.loads(str(text, "utf-8"))) if isinstance(text, bytes) else None


def _key(settings: Settings) -> str:
    return f"rq:scaler:{settings.queue_names[0]}"
