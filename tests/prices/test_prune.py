"""`python -m adapters.prune prices` as an operator runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.database import connect_database
from adapters.prices.loading import save_version
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.store import PriceStore
from adapters.settings import PROJECT_ROOT
from contracts.errors import UnknownTicker

CSV = "Date,Open,High,Low,Close,Volume\n2013-02-28,63,64,62,63,100\n2013-03-01,63,64,62,{close},100\n"


def prune(database_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "adapters.prune", "prices", *arguments]
    environment = os.environ | {"DATABASE_URL": database_url}
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_unused_versions_are_listed_by_a_dry_run_and_then_deleted(database_url: str) -> None:
    engine = connect_database(database_url)
    old, new = (
        read_prices(CSV.format(close=close).encode(), Meaning(timeframe="1d")).bars
        for close in (63, 64)
    )
    for bars in (old, new):
        save_version(engine, "NEW", bars, {})

    listed, deletion, again = (
        prune(database_url, "--dry-run"),
        prune(database_url),
        prune(database_url),
    )

    assert (listed.returncode, deletion.returncode, again.returncode) == (0, 0, 0), listed.stderr
    line, last = listed.stdout.splitlines()
    assert line.startswith(
        f"NEW 1d {old.data_hash[:12]}: 2 bars from 2013-02-28 to 2013-03-01, loaded 20"
    )
    assert (last, deletion.stdout) == (
        "1 versions would be deleted",
        f"{line}\n1 versions deleted\n",
    )
    assert again.stdout == "0 versions deleted\n"
    assert PriceStore(engine).bars(new.data_hash).data_hash == new.data_hash
    with pytest.raises(UnknownTicker):
        PriceStore(engine).bars(old.data_hash)


def test_a_database_without_tables_or_a_wrong_url_is_reported(tmp_path: Path) -> None:
    (tmp_path / "bare.db").touch()
    bare, gone, wrong = map(
        prune,
        (
            f"sqlite:///{tmp_path}/bare.db",
            f"sqlite:///{tmp_path}/gone.db",
            "postgres://nowhere/x",
        ),
    )

    assert (gone.returncode, f"there is no file {tmp_path}/gone.db" in gone.stderr) == (1, True)
    assert not (tmp_path / "gone.db").exists()
    assert (bare.returncode, "the prices could not be read: no such table" in bare.stderr) == (
        1,
        True,
    )
    assert (wrong.returncode, "DATABASE_URL" in wrong.stderr) == (2, True)
