"""What the local scaler, and Jobs that wait, tell of themselves, so that pages can say it; KEDA tells nothing."""

import time

from redis import Redis

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


def tell_idle(redis: Redis, name: str, is_idle: bool) -> None:
    """Count a Job among those that wait, for IDLE_TOLD_S, or no longer; RedisError while Redis is away."""
    now = time.time()
    with redis.pipeline() as pipeline:
        pipeline.zadd(IDLE_JOBS, {name: now + IDLE_TOLD_S if is_idle else 0})
        pipeline.zremrangebyscore(IDLE_JOBS, "-inf", now)  # those that were killed, too
        pipeline.expire(IDLE_JOBS, IDLE_TOLD_S)
        pipeline.execute()
