"""How often one token, or one address without any, may ask in a minute: counted in Redis for all web processes."""

import logging
import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from adapters.queue.connection import connect_redis
from adapters.settings import Settings

log = logging.getLogger(__name__)

PATIENCE_S = 0.5  # with Redis, before a request goes on uncounted
PAUSE_S = 60.0  # without counting, after Redis did not answer
# of one name, or address without any, and process; more of them say no more
REFUSALS = RateLimitItemPerMinute(60)


class Rates:
    """The limits of the settings; while Redis is away nobody is refused, since nothing accepted may be lost for it."""

    def __init__(self, settings: Settings) -> None:
        pool = connect_redis(settings.redis_url, PATIENCE_S).connection_pool
        self._limiter = FixedWindowRateLimiter(
            RedisStorage(settings.redis_url, connection_pool=pool, key_prefix="limits")
        )
        self._limits = {
            "logins": RateLimitItemPerMinute(settings.logins_per_minute),
            "changes": RateLimitItemPerMinute(settings.changes_per_minute),
            "reads": RateLimitItemPerMinute(settings.reads_per_minute),
        }
        self._refusals = FixedWindowRateLimiter(MemoryStorage())
        self._paused_until = float("-inf")

    def is_refusal_told(self, who: str | None) -> bool:
        """Count a refusal; whether it is one of the few of this name or address that are told in a minute."""
        return self._refusals.hit(REFUSALS, who or "")

    def wait_s(self, kind: str, who: str) -> int:
        """Count a request; the seconds until one of this kind is answered again, 0 when it may be now."""
        if time.monotonic() < self._paused_until:
            return 0
        limit = self._limits[kind]
        try:
            if self._limiter.hit(limit, kind, who):
                return 0
            again_at = self._limiter.get_window_stats(limit, kind, who).reset_time
            return max(1, math.ceil(again_at - time.time()))
        except RedisError as error:
            self._paused_until = time.monotonic() + PAUSE_S
            log.warning("requests_not_counted for_s=%d reason=%s", PAUSE_S, error)
            return 0
