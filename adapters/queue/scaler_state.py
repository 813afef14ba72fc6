"""What the local scaler, and Jobs that wait, tell of themselves, so that pages can say it; KEDA tells nothing."""

import json
import time
from dataclasses import asdict

from redis import Redis

from adapters.queue.connection import reachable
from adapters.settings import Settings
from contracts.values import frozen

# Jobs that wait for a message, each with the time until which that is believed
IDLE_JOBS = "rq:idle"
IDLE_TOLD_S = 20
TOLD_S = 10  # a scaler that has said nothing for so long is gone


@frozen
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


def tell_idle(redis: Redis, name: str, is_idle: bool) -> None:
    """Count a Job among those that wait, for IDLE_TOLD_S, or no longer; RedisError while Redis is away."""
    now = time.time()
    with redis.pipeline() as pipeline:
        pipeline.zadd(IDLE_JOBS, {name: now + IDLE_TOLD_S if is_idle else 0})
        pipeline.zremrangebyscore(IDLE_JOBS, "-inf", now)  # those that were killed, too
        pipeline.expire(IDLE_JOBS, IDLE_TOLD_S)
        pipeline.execute()


def _key(settings: Settings) -> str:
    return f"rq:scaler:{settings.queue_names[0]}"
