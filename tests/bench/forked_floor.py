"""Floor of a forked process per message: pop, claim, backtest, write.

`python -m tests.bench.forked_floor PROCESSES RUNS` forks so many at a time, and prints seconds and CPU seconds as JSON.
"""

import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from engine.engine import BacktestEngine
from rules.registry import build_rule

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
CLAIM = text("INSERT INTO floor (word) VALUES ('claimed')")
WRITE = text("INSERT INTO floor (word) VALUES ('written')")


def main(processes: int, runs: int) -> None:
    """Fork one process after the other, so many at a time."""
    table = np.loadtxt(
        Path("data") / "AAPL.csv", delimiter=",", skiprows=1, usecols=range(1, 6), unpack=True
    )
    prices = dict(zip(COLUMNS, table, strict=True))
    gc.disable()
    began, running = time.perf_counter(), 0
    for _ in range(runs):
        if running == processes:
            os.wait()
            running -= 1
        if os.fork() == 0:
            work(prices)
            os._exit(0)
        running += 1
    for _ in range(running):
        os.wait()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(each.ru_utime + each.ru_stime for each in used)
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": cpu_s}))


def work(prices: "dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]") -> None:
    """One message."""
    Redis.from_url(os.environ["REDIS_URL"]).lmove("floor", "floor:popped", "LEFT", "RIGHT")
    engine = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(CLAIM)
    rule = build_rule("RSI", {"period": 14})
    assert BacktestEngine().run(prices, rule.generate_signals, "AAPL").trades
    with engine.begin() as connection:
        connection.execute(WRITE)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
