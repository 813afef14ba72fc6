"""A million runs on MariaDB: their size, their pages, a backup, and the deletion of most of those in no batch."""

import gzip
import json
import logging
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine, make_url

from adapters.database import connect_database
from adapters.maintenance.retention import Removed, prune_runs
from adapters.maintenance.storage import bytes_by_kind
from adapters.schema import ANSWER_S
from adapters.settings import Settings
from tests.bench.pages_speed import ROWS, application, timed
from tests.bench.services import row


def main() -> None:
    """Print the rows as one line of JSON."""
    logging.disable(logging.CRITICAL)
    with application() as app:
        settings, client = app.extensions["platform"].settings, app.test_client()
        engine = connect_database(settings.database_url, answer_s=ANSWER_S)
        pages = {
            "list": "/runs",
            "a batch of 1,000 runs": "/batches/sweep-500",
            "batches": "/batches",
        }
        rows = [
            row(
                f"{ROWS:,} runs, rows without series, and their indexes",
                size_bytes(engine) / 1e6,
                "MB",
            ),
            *(
                row(f"{name}, median of 5", median(client, path), "ms")
                for name, path in pages.items()
            ),
            *backup_rows(settings.database_url),
            *pruning_rows(engine, settings),
        ]
    print(json.dumps(rows))


def size_bytes(engine: Engine) -> int:
    """Bytes of the runs' table with its indexes."""
    with engine.connect() as connection:
        return bytes_by_kind(connection)["runs"]


def median(client: Any, path: str) -> float:
    """Milliseconds."""
    return sorted(timed(client, path) for _ in range(5))[2]


def backup_rows(url: str) -> list[dict[str, Any]]:
    """mariadb-dump as k8s/mysql-backup.yaml calls it, compressed on the way."""
    login = make_url(url)
    command = [
        "mariadb-dump",
        "--no-defaults",
        "--single-transaction",
        "--no-tablespaces",
        f"--host={login.host}",
    ]
    command += [
        f"--port={login.port}",
        f"--user={login.username}",
        f"--password={login.password}",
        str(login.database),
    ]
    with (
        tempfile.NamedTemporaryFile() as file,
        subprocess.Popen(command, stdout=subprocess.PIPE) as dump,
    ):
        start = time.perf_counter()
        with gzip.open(file, "wb", compresslevel=1) as packed:
            assert dump.stdout is not None
            shutil.copyfileobj(dump.stdout, packed, 2**20)
        took_s = time.perf_counter() - start
        size = file.seek(0, 2)
    return [
        row("backup with mariadb-dump", took_s, "s"),
        row("its size, compressed", size / 1e6, "MB"),
    ]


def pruning_rows(engine: Engine, settings: Settings) -> list[dict[str, Any]]:
    """KEEP_RUNS_COUNT=40,000, first counted, then done."""
    keep = replace(settings, keep_runs_count=40_000)
    counting_s, foreseen, _ = walked(lambda: prune_runs(engine, keep, dry_run=True))
    pruning_s, removed, longest_s = walked(lambda: prune_runs(engine, keep))
    assert foreseen == removed
    with engine.begin() as connection:
        connection.execute(text("OPTIMIZE TABLE backtest_results"))
    return [
        row("dry run of the deletion", counting_s, "s"),
        row(
            f"deletion of {removed['runs']:,} runs that are in no batch and have no label",
            pruning_s,
            "s",
        ),
        row("its longest transaction", longest_s * 1e3, "ms"),
        row(
            "a walk that finds nothing any more", walked(lambda: prune_runs(engine, keep))[0], "s"
        ),
        row("size afterwards, once OPTIMIZE TABLE has run", size_bytes(engine) / 1e6, "MB"),
    ]


def walked(walk: Callable[[], Any]) -> tuple[float, Removed, float]:
    """Seconds of a whole walk, what it removed, and the seconds of its longest portion."""
    begun = last = time.perf_counter()
    removed: Removed = Counter()
    longest_s = 0.0
    for portion in walk():
        removed += portion
        longest_s, last = max(longest_s, time.perf_counter() - last), time.perf_counter()
    return last - begun, removed, longest_s


if __name__ == "__main__":
    main()
