"""The price files of a folder are taken in once, and nothing that people have loaded is undone by that."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from adapters.database import connect_database
from adapters.prices.loading import examine, load_folder, save_version
from adapters.prices.reading import Meaning
from adapters.prices.store import PriceStore
from adapters.prices.tickers import price_files
from adapters.settings import PROJECT_ROOT
from tests.services.prices import without_prices

DATA = Path(__file__).resolve().parents[2] / "data"
CSV = "Date,Open,High,Low,Close,Volume\n2013-02-28,63,64,62,63,100\n2013-03-01,63,64,62,{close},100\n"
INTRADAY = (
    CSV.replace("02-28", "02-28T14:30:00Z").replace("03-01", "03-01T14:30:00Z").format(close=63)
)


@pytest.fixture
def engine(database_url: str) -> Engine:
    """A database without prices."""
    return without_prices(connect_database(database_url))


def test_the_shipped_folder_fills_an_empty_store_and_is_known_afterwards(engine: Engine) -> None:
    first, again = load_folder(engine, DATA), load_folder(engine, DATA)

    assert first[0] == ("AAPL.csv", "new: 3,270 bars from 2000-03-01 to 2013-03-01")
    assert {outcome for _, outcome in again} == {"already stored"}
    assert list(PriceStore(engine).all()) == sorted(
        path.name.partition(".csv")[0] for path in price_files(DATA)
    )


def test_an_added_and_a_changed_file_are_taken_in_and_an_older_one_does_not_come_back(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "NEW.csv").write_text(CSV.format(close=63.5))
    load_folder(engine, tmp_path)

    (tmp_path / "NEW.csv").write_text(CSV.format(close=63.6))
    (tmp_path / "BRK-B_5m.csv").write_text(INTRADAY)
    assert [outcome.partition(":")[0] for _, outcome in load_folder(engine, tmp_path)] == [
        "new",
        "changed",
    ]
    latest = PriceStore(engine).get("NEW").data_hash

    (tmp_path / "NEW.csv").write_text(CSV.format(close=63.5))
    assert dict(load_folder(engine, tmp_path))["NEW.csv"] == "already stored"
    assert PriceStore(engine).get("NEW").data_hash == latest


def test_a_packed_file_is_taken_in_as_a_plain_one_is(engine: Engine, tmp_path: Path) -> None:
    plain, packed = tmp_path / "PLAIN.csv", tmp_path / "BRK-B_5m.csv.gz"
    plain.write_text(CSV.format(close=63.5))
    packed.write_bytes(gzip.compress(INTRADAY.encode()))

    first, again = dict(load_folder(engine, tmp_path)), dict(load_folder(engine, tmp_path))

    assert first[packed.name] == "new: 2 bars from 2013-02-28T14:30:00Z to 2013-03-01T14:30:00Z"
    assert again == {plain.name: "already stored", packed.name: "already stored"}


def test_a_file_that_is_added_to_the_folder_does_not_replace_what_was_loaded_from_elsewhere(
    engine: Engine, tmp_path: Path
) -> None:
    bars, report = examine(
        PriceStore(engine), "OWN", CSV.format(close=63.5).encode(), Meaning(timeframe="1d")
    )
    save_version(engine, "OWN", bars, report, "from a friend")
    (tmp_path / "OWN.csv").write_text(CSV.format(close=63.6))

    outcomes = dict(load_folder(engine, tmp_path))

    assert (
        outcomes["OWN.csv"]
        == "skipped: OWN 1d has prices from another source; load the file to replace them"
    )
    assert PriceStore(engine).get("OWN").data_hash == bars.data_hash


def test_broken_and_misnamed_files_are_left_out_in_words(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "BAD.csv").write_text("Date,Open\n2013-02-28,1\n")
    (tmp_path / "HALF.csv.gz").write_bytes(gzip.compress(CSV.encode())[:-9])
    (tmp_path / "lower.csv").write_text(CSV)
    shutil.copy(DATA / "FB.csv", tmp_path)

    outcomes = dict(load_folder(engine, tmp_path))

    assert outcomes["BAD.csv"].startswith("skipped: line 1: no column for Close")
    assert outcomes["HALF.csv.gz"].startswith("skipped: not a whole gzip file")
    assert outcomes["lower.csv"].startswith("skipped: not named")
    assert list(PriceStore(engine).all()) == ["FB"]


def test_the_schema_command_fills_an_empty_store_and_with_take_in_says_what_is_new_since(
    database_url: str, tmp_path: Path
) -> None:
    engine = without_prices(connect_database(database_url))
    (tmp_path / "NEW.csv").write_text(CSV.format(close=63.5))
    first = schema(database_url, tmp_path)
    (tmp_path / "NEW.csv").write_text(CSV.format(close=63.6))
    (tmp_path / "ADDED.csv").write_text(CSV.format(close=63.5))

    plain, taking_in = schema(database_url, tmp_path), schema(database_url, tmp_path, "--take-in")

    assert "prices_loaded file=NEW.csv new: 2 bars from 2013-02-28 to 2013-03-01" in first
    assert "prices_loaded" not in plain
    assert "prices_loaded file=NEW.csv changed: 2 bars" in taking_in
    assert "prices_loaded file=ADDED.csv new: 2 bars" in taking_in
    assert list(PriceStore(engine).all()) == ["ADDED", "NEW"]


def schema(database_url: str, data_dir: Path, *arguments: str) -> str:
    """Run `python -m adapters.schema` and return its log."""
    environment = os.environ | {"DATABASE_URL": database_url, "DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "adapters.schema", *arguments]
    finished = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=True,
    )  # fmt: skip
    return finished.stdout


def test_what_cannot_be_read_is_left_out_and_the_others_are_taken_in(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "LINK.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "DIR.csv").mkdir()
    (tmp_path / "ES1!.csv").write_text(CSV.format(close=63.5))
    (tmp_path / "NEW.csv").write_text(CSV.format(close=63.5))

    outcomes = dict(load_folder(engine, tmp_path))

    assert outcomes["NEW.csv"].startswith("new: 2 bars")
    assert outcomes["ES1!.csv"].endswith(
        "ES1! is not a ticker: 1 to 15 of A-Z 0-9 . ^ = - are accepted, and it has '!'"
    )
    for name in ("LINK.csv", "DIR.csv"):
        assert outcomes[name].startswith("skipped: cannot be read: ")
