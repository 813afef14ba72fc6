"""The client as others have it: installed by pip into an environment of their own, far from the checkout."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from flask import Flask

from backtests import Client
from backtests.table_files import field_readers
from tests.services.processes import PROJECT_ROOT
from tests.web.made_runs import make

PROGRAM = """
import sys
from backtests import Client, Refused

client = Client(sys.argv[1])
(run,) = client.runs("mine")
assert client.wait(run["run_id"], timeout_s=60)["metrics"] == run["metrics"]
request = {"ticker": "IBM", "rule_type": "RSI", "start_date": "2004-01-01", "end_date": "2006-12-31"}
try:
    client.submit({**request, "fee_rate": 1})
except Refused as refused:
    print(refused)
waiting = client.submit(request, "mine")
client.cancel_run(waiting)
client.retry_run(waiting)
batch = client.submit([request, {**request, "charts": False, "ticker": "MSFT"}], "mine")
print(batch.new, batch.run_ids[0] == waiting, client.plan([request], "mine"), client.batch("mine", top=5)["counts"])
print(client.cancel("mine"), client.retry("mine"), client.retry("mine", cancelled=True))
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The bin folder of a new environment with the package in it; of the platform it has nothing."""
    checkout, folder = tmp_path / "checkout", tmp_path / "own"
    shutil.copytree(PROJECT_ROOT / "scripts" / "backtests", checkout / "scripts" / "backtests")
    shutil.copy(PROJECT_ROOT / "pyproject.toml", checkout)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # PyYAML, and setuptools for the build
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder / "bin" / "python",
        "install",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--no-deps", "--no-index", "--quiet", checkout], check=True)
    return folder / "bin"


def test_the_installed_package_and_its_command_speak_to_a_platform(
    app: Flask, base_url: str, environment: Path, tmp_path: Path
) -> None:
    make(app, "completed", {"batch_id": "mine"})

    used = subprocess.run(
        [environment / "python", "-c", PROGRAM, base_url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    ranked = subprocess.run(
        [environment / "backtests", "results", "mine", "--url", base_url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    version = subprocess.run(
        [environment / "backtests", "--version"], capture_output=True, text=True
    )
    assert f"## [{version.stdout.split()[-1]}] - " in (PROJECT_ROOT / "CHANGELOG.md").read_text()
    assert used.returncode == 0, used.stderr
    assert used.stdout.splitlines() == [
        "fee_rate: 1 is not accepted; accepted: fraction from 0 to below 0.1 (of the traded value, each side)",
        "1 True Plan(new=0, existing={'pending': 1}, on_other_prices=0) "
        "{'pending': 2, 'running': 0, 'completed': 1, 'failed': 0}",
        "2 0 2",
    ]
    assert ranked.stdout.splitlines()[1].startswith("1     AAPL    RSI_14_30_70  ")


def test_a_table_reads_those_fields_as_text_that_are_text_to_the_platform(base_url: str) -> None:
    readers = field_readers(Client(base_url))

    assert {readers[name]("2024") for name in ("ticker", "start_date", "label", "size_type")} == {
        "2024"
    }
    assert not {"fee_rate", "charts", "params", "stop_loss_pct"} & set(readers)
