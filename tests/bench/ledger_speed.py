"""Cost of the ledger at the end of a run and in a screen: both with and without it in turn, in forked processes.

As in a Job, no statement was compiled before: each process begins with an empty cache.
"""

import json
import logging
import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy.engine import Engine

from adapters.database import connect_database, reading
from adapters.plans.combinations import Combinations
from adapters.prices.loading import load_folder
from adapters.prices.packing import PackedPrices
from adapters.prices.store import current_versions, prices_of
from adapters.queue.messages import Attempt
from adapters.runs.changes import NewRun, insert_runs
from adapters.runs.states import Claim, claim, finish
from adapters.schema import create_schema
from adapters.settings import PROJECT_ROOT
from adapters.studies.ledger import record_trials
from adapters.studies.trials import Trials
from consumer.kinds.backtest import run_rule
from consumer.kinds.screen import screen
from consumer.kinds.setup import Setup
from contracts.run_request import RunRequest
from tests.bench.services import row
from tests.services.mariadb_server import DURABLE, MariaDBServer, data_template

RUNS, SCREENS, RULES = 60, 24, 20_000
JOB_CPU_MS = 77.7  # of a run from the local template, see Throughput
REQUEST = RunRequest(
    ticker="AAPL", rule_type="MA_CROSS", params={"fast": 10, "slow": 50}, rule_id="bench", charts=False,
    start_date=date(2000, 3, 1), end_date=date(2013, 3, 1),
)  # fmt: skip


class NoTrials(Trials):
    """Trials of a Job without the ledger."""

    def add(self, *_: Any) -> None:
        """Do nothing."""


def main() -> None:
    """Print the rows as one line of JSON."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        server = MariaDBServer(Path(name), data_template(Path(name)), DURABLE)
        stack.callback(server.stop)
        server.start()
        server.create_database()
        urls = {"sqlite": f"sqlite:///{name}/bench.db", "mariadb": server.url()}
        print(json.dumps([each for kind, url in urls.items() for each in rows_on(kind, url)]))


def rows_on(kind: str, url: str) -> list[dict[str, Any]]:
    """The rows of one database, whose ledger is full already."""
    engine = connect_database(url)
    create_schema(engine)
    load_folder(engine, PROJECT_ROOT / "data")
    with reading(engine) as connection:
        versions = {(each.ticker, each.timeframe): each for each in current_versions(connection)}
        request = replace(REQUEST, data_hash=versions["AAPL", "1d"].data_hash)
        packed = prices_of(connection, request)
    assert isinstance(packed, PackedPrices)
    fill(engine, Setup.of(request, packed))

    def job(number: int, with_ledger: bool, is_screen: bool) -> tuple[float, float]:
        """Milliseconds of the whole Job, and of its end."""
        sized = replace(request, position_size=1000.0 + number, run_id=str(uuid4()))
        lease = submitted(engine, sized)
        start = time.perf_counter()
        setup = Setup.of(sized, packed)
        kind_of = Trials if with_ledger else NoTrials
        trials = kind_of(sized, setup.prices.traded.times)
        columns = (
            screened(setup, number, trials)
            if is_screen
            else run_rule(setup, setup.rule({"slow": 40 + number}), trials).columns
        )
        computed = time.perf_counter()
        with engine.begin() as connection:
            finish(connection, lease, columns)
            if with_ledger:
                record_trials(connection, trials, "ann", None)
        end = time.perf_counter()
        return (end - start) * 1e3, (end - computed) * 1e3

    run, more = compared(lambda number, with_ledger: job(number, with_ledger, False)[1], RUNS)
    whole, more_of_screen = compared(
        lambda number, with_ledger: job(number, with_ledger, True)[0], SCREENS
    )
    of_job = 100 * more / JOB_CPU_MS
    return [
        row(f"end of a run, {kind}: the ledger's part of the Job's CPU", of_job, "%", 3, budget="<= 1",
            note=f"{more:.1f} ms; the rest of the end takes {run:.1f} ms"),
        row(f"screen of 1,024 combinations, {kind}: the ledger's part", 100 * more_of_screen / whole, "%", 10,
            budget="<= 1", note=f"{more_of_screen:.0f} ms; the rest takes {whole:.0f} ms"),
    ]  # fmt: skip


def fill(engine: Engine, setup: Setup) -> None:
    """Put many rules into the ledger, as after some months of use."""
    trials, rng = setup.trials(), np.random.default_rng(0)
    bars = len(trials.times)
    for number in range(RULES):
        sides = rng.integers(0, 2, 80).repeat(-(-bars // 80))[:bars]
        trials.add("RSI", {"period": number}, sides * 1.0)
    with engine.begin() as connection:
        record_trials(connection, trials, "ann", None)


def submitted(engine: Engine, request: RunRequest) -> Claim:
    """The claim of a new run."""
    with engine.begin() as connection:
        insert_runs(connection, [NewRun(request, str(uuid4()), submitted_by="ann")])
    with engine.begin() as connection:
        return claim(connection, Attempt(str(request.run_id), 1), "token", 60, "bench")


def screened(setup: Setup, number: int, trials: Trials) -> dict[str, Any]:
    """Screen a grid that nobody has tried; the columns of its row."""
    slow = range(40 + 2 * number, 72 + 2 * number)
    grid = [{"fast": fast, "slow": each} for fast in range(2, 34) for each in slow]
    screen(setup, Combinations.of(grid), lambda done: None, trials)
    return {**setup.versions}


def compared(measure: Callable[[int, bool], float], times: int) -> tuple[float, float]:
    """The median without the ledger, and the median of what it adds; each first in every other pair."""
    pairs = []
    for number in range(times):
        order = (True, False) if number % 2 else (False, True)
        took = {with_ledger: forked(measure, number, with_ledger) for with_ledger in order}
        pairs.append((took[False], took[True] - took[False]))
    without, more = zip(*pairs, strict=True)
    return statistics.median(without), statistics.median(more)


def forked(measure: Callable[[int, bool], float], number: int, with_ledger: bool) -> float:
    """The measurement, made in a process of its own."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writable, pickle.dumps(measure(number, with_ledger)))
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writable)
    with os.fdopen(readable, "rb") as answer:
        return float(pickle.loads(answer.read()))  # of our own process


if __name__ == "__main__":
    main()
