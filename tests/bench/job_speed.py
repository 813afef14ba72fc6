"""A Job's whole process, start to persisted result, against processes that only import and make one pop and one write.

The floor imports what the Job cannot do without; the other reference adds pandas, pydantic and the ORM. All three are
measured in turn, so that the machine's mood meets them alike, and the best of each counts.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from adapters.database import connect_database
from adapters.schema import create_schema
from tests.services.fixtures import emptied, settings_of
from tests.services.mariadb_server import MariaDBServer, data_template
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter

REPETITIONS = 25
ROOT = Path(__file__).resolve().parents[2]
LEAN = "import numpy, rq, sqlalchemy, pymysql"
HEAVY = LEAN + ", pandas, pydantic, sqlalchemy.orm"
ONE_POP_ONE_WRITE = """
import os
from redis import Redis
from sqlalchemy.pool import NullPool
redis = Redis.from_url(os.environ["REDIS_URL"])
popped = redis.lmove("rq:queue:backtests", "rq:queue:backtests:intermediate", "LEFT", "RIGHT").decode()[:36]
engine = sqlalchemy.create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
with engine.begin() as connection:
    statement = sqlalchemy.text("UPDATE backtest_results SET status = 'FAILED' WHERE run_id = :run_id")
    assert connection.execute(statement, {"run_id": popped}).rowcount == 1
"""


def main() -> None:
    """Print the rows as one line of JSON."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        directory = Path(folder)
        redis = RedisServer(directory)
        database = MariaDBServer(directory, data_template(directory))
        try:
            redis.start()
            database.start()
            database.create_database()
            create_schema(connect_database(database.url()))
            emptied(database.url())
            best = measure(settings_of(database.url(), redis.url))
        finally:
            database.stop()
            redis.stop()
    what = "one Job: process start to persisted result, RSI on 3,270 bars without charts"
    print(
        json.dumps(
            [
                row(
                    what,
                    best["job"],
                    best["lean"],
                    1.25,
                    "against the imports of numpy, rq, sqlalchemy, pymysql",
                ),
                row(
                    "",
                    best["job"],
                    best["heavy"],
                    0.6,
                    "against the same with pandas, pydantic and the ORM",
                ),
            ]
        )
    )


def measure(settings: dict[str, str]) -> dict[str, float]:
    """Milliseconds of the quickest process of each kind."""
    commands = {
        "job": ["-m", "consumer"],
        "lean": ["-c", LEAN + ONE_POP_ONE_WRITE],
        "heavy": ["-c", HEAVY + ONE_POP_ONE_WRITE],
    }
    environment = {"PATH": os.environ["PATH"], **settings}
    submitter = Submitter(settings)
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(REPETITIONS):
        for name, arguments in commands.items():
            submitter.submit()
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment,
                check=True,
                stderr=subprocess.DEVNULL,
            )
            best[name] = min(best[name], (time.perf_counter() - began) * 1000)
    return best


def row(what: str, ours: float, reference: float, budget: float, note: str) -> dict[str, Any]:
    """One row: milliseconds, and the share of the reference's time that we take."""
    return {
        "what": what, "ours": ours, "reference": reference, "ratio": ours / reference,
        "budget": f"<= {budget}", "unit": "ms", "note": note,
    }  # fmt: skip


if __name__ == "__main__":
    main()
