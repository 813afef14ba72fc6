"""Drawing charts leaves nothing behind in its process or on its disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib

ROOT = Path(__file__).resolve().parents[2]

DRAW = """
import gc, json, sys
from datetime import date
from pathlib import Path

import psutil

from adapters.charts.frame import Figure
from adapters.charts.render import render_charts
from adapters.runs.series import RunBars
from adapters.runs.series import RunSeries
from tests.services.prices import read_prices

prices = read_prices(Path("data"), "FB", "1d", date(2012, 5, 18), date(2013, 3, 1)).traded
held = 100_000 * prices.columns["Close"] / prices.columns["Close"][0]
request = {"ticker": "FB", "rule_type": "RSI", "initial_capital": 100_000.0}
series = RunSeries(request, prices.times, held, [], [], [])
run = RunBars(series, prices, {"equity": held, "holding": held})
process = psutil.Process()

def draw(rounds):
    for _ in range(rounds):
        render_charts(run)
        gc.collect()  # artists refer to themselves: only what survives a collection is left behind
    objects = gc.get_objects()
    figures = sum(isinstance(each, Figure) for each in objects)
    resident = process.memory_info().rss
    return {"figures": figures, "objects": len(objects), "files": process.num_fds(), "resident_bytes": resident}

first, last = draw(2), draw(int(sys.argv[1]))
print(json.dumps({"first": first, "last": last, "modules": sorted(sys.modules)}))
"""


def drawn(cache: Path, rounds: int, *preamble: str) -> dict:
    """Report of a process that draws 12 charts, then 6 per round; it may write to `cache` only.

    A fixed threshold makes the C library give every picture's pixels back as soon as they are free.
    """
    environment = {
        "MPLCONFIGDIR": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    command = [sys.executable, "-W", "error", "-c", "\n".join([*preamble, DRAW]), str(rounds)]
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_charts_leave_no_figure_no_memory_and_no_file_behind(tmp_path):
    rounds = 3

    process = drawn(tmp_path, rounds)

    first, last = process["first"], process["last"]
    assert (first["figures"], last["figures"]) == (0, 0)
    assert last["objects"] - first["objects"] < rounds  # not even one per round
    assert last["files"] == first["files"]
    # one kept picture per round is 4 MB each
    assert last["resident_bytes"] - first["resident_bytes"] < rounds * 2**20
    assert not {"matplotlib.pyplot", "pandas"} & set(process["modules"])


def test_with_a_baked_list_of_fonts_nothing_is_written(tmp_path):
    baked, empty = tmp_path / "baked", tmp_path / "empty"
    baked.mkdir()
    empty.mkdir()
    for entry in Path(matplotlib.get_data_path()).iterdir():
        (baked / entry.name).symlink_to(entry)
    list_fonts = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(list_fonts, env=os.environ | {"MPLCONFIGDIR": str(baked)}, check=True)
    assert list(baked.glob("fontlist-*.json"))

    drawn(empty, 0, "import matplotlib", f"matplotlib.get_data_path = lambda: {str(baked)!r}")

    assert list(empty.iterdir()) == []
