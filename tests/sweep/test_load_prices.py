"""scripts/load_prices.py as people run it, against a real web tier; and the client's calls behind it."""

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask, Response

from backtests import Client, Refused
from tests.prices.exports import EXPORTS
from tests.services.live_web import served
from tests.services.ports import free_port
from tests.services.processes import PROJECT_ROOT

HEADER = "Date,open,high,low,close,adj_close,volume\n"
FILE_NAMES = {
    "Yahoo": "YHOO.csv",
    "yfinance": "YFIN.csv",
    "Stooq": "stq.us.txt",
    "TradingView": "NASDAQ_TV, 1D.csv",
    "TradingView with ISO times": "NYSE_TVI, 1D_5c3f7.csv",
    "backtesting.py": "BT.PY.csv",
    "Alpha Vantage": "daily_AV.csv",
    "Investing.com": "INV Historical Data.csv",
    "semicolons and decimal commas": "SEMI-1.csv",
    "a plain export": "PLAIN (1).csv",
}


def load(base_url: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "scripts/load_prices.py", *map(str, arguments), "--url", base_url]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


def daily(bars: int, close: float = 10.0) -> str:
    """A plain export of so many weekdays."""
    days = (
        date(1988, 1, 4) + timedelta(days=7 * (number // 5) + number % 5)
        for number in range(bars)
    )
    rows = (
        f"{day},{close},{close + 1 + n % 7},{close - 1},{close},{close / 2},1000\n"
        for n, day in enumerate(days)
    )
    return HEADER + "".join(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for price files."""
    (tmp_path / "prices").mkdir()
    return tmp_path / "prices"


def rows_of(printed: str) -> list[list[str]]:
    """The cells of the table's rows, without the header."""
    return [line.split() for line in printed.partition("\n\n")[0].splitlines()[1:]]


def test_plain_exports_of_26_years_load_with_one_command_and_again_change_nothing(
    base_url: str, folder: Path
) -> None:
    tickers = [f"T{number}" for number in range(3)]
    for number, ticker in enumerate(tickers):
        (folder / f"{ticker}.csv").write_text(daily(6500, 10.0 + number))

    first, again = load(base_url, "--folder", folder), load(base_url, "--folder", folder)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert [row[:7] for row in rows_of(first.stdout)] == [
        [f"{ticker}.csv", ticker, "1d", "6,500", "1988-01-04", "2012-11-30", "new"]
        for ticker in tickers
    ]
    assert {row[6] for row in rows_of(again.stdout)} == {"unchanged"}
    assert "T0.csv: prices scaled by Adj Close (×0.5000)" in first.stdout
    assert "3/3 T2.csv as T2 1d" in first.stderr
    assert {
        series["bars"] for series in Client(base_url).prices() if series["ticker"] in tickers
    } == {6500}


def test_an_export_of_every_source_loads_under_the_name_that_it_has(
    base_url: str, folder: Path
) -> None:
    for source, content in EXPORTS.items():
        (folder / FILE_NAMES[source]).write_text(content, encoding="utf-8", newline="")

    loaded = load(base_url, *sorted(folder.iterdir()), "--note", "all sources")

    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert len(rows_of(loaded.stdout)) == len(EXPORTS)
    for ticker in ("YHOO", "YFIN", "STQ", "TV", "TVI", "BT.PY", "AV", "INV", "SEMI-1", "PLAIN"):
        (version,) = Client(base_url).price_versions(ticker)
        assert (version["first_bar"], version["last_bar"], version["note"]) == (
            "2013-02-28",
            "2013-03-01",
            "all sources",
        )


def test_a_packed_file_of_a_folder_is_loaded_as_the_plain_one_is(
    base_url: str, folder: Path
) -> None:
    (folder / "PLAIN.csv").write_text(daily(30))
    (folder / "PACKED.csv.gz").write_bytes(gzip.compress(daily(30).encode()))

    loaded = load(base_url, "--folder", folder)

    assert [row[:4] for row in rows_of(loaded.stdout)] == [
        ["PACKED.csv.gz", "PACKED", "1d", "30"], ["PLAIN.csv", "PLAIN", "1d", "30"]
    ]  # fmt: skip
    (packed,), (plain,) = (
        Client(base_url).price_versions(ticker) for ticker in ("PACKED", "PLAIN")
    )
    assert packed["data_hash"] == plain["data_hash"]


def test_a_broken_file_is_refused_by_line_and_the_others_are_loaded(
    base_url: str, folder: Path
) -> None:
    (folder / "BAD.csv").write_text(HEADER + "2013-02-28,1,x,1,1,1,1\n2013-02-29,1,1,1,1,1,1\n")
    (folder / "EMPTY.csv").write_text("")
    (folder / "GOOD.csv").write_text(daily(30).replace(",1000\n", ",0\n", 1))

    loaded = load(base_url, "--folder", folder)

    assert loaded.returncode == 1
    assert [row[-2] for row in rows_of(loaded.stdout)] == ["refused", "refused", "new"]
    assert "BAD.csv: line 2: High 'x' is not a number\n" in loaded.stdout
    assert "BAD.csv: line 3: Date '2013-02-29' is not a date" in loaded.stdout
    assert "EMPTY.csv: file: the file is empty" in loaded.stdout
    assert "GOOD.csv: warning: no volume in 1 of 30 bars" in loaded.stdout


def test_odd_names_and_entries_of_a_folder_are_refused_and_the_others_are_loaded(
    base_url: str, folder: Path
) -> None:
    for name in ("SPY", "table", "M&M.NS", "TWICE", "TWICE (1)", "OLD_2h"):
        (folder / f"{name}.csv").write_text(daily(5))
    (folder / "LINK.csv").symlink_to(folder / "gone.csv")
    (folder / "DIR.csv").mkdir()

    loaded = load(base_url, "--folder", folder)

    assert (loaded.returncode, "Traceback" in loaded.stderr) == (1, False)
    outcomes = [line.split()[-2:] for line in loaded.stdout.partition("\n\n")[0].splitlines()[1:]]
    assert [outcome for outcome, _ in outcomes].count("refused") == 7
    assert "SPY.csv" in loaded.stdout and ["new", "0"] in outcomes
    for says in (
        "table.csv: file: its name has no ticker",
        "M&M.NS.csv: file: M&M.NS is not a ticker: 1 to 15 of A-Z 0-9 . ^ = - are accepted, and it has '&'",
        "LINK.csv: file: no such file",
        "DIR.csv: file: is a folder",
        "OLD_2h.csv: file: its name has another timeframe",
        f"{folder / 'TWICE (1).csv'} and {folder / 'TWICE.csv'} are both TWICE 1d; load one of them",
    ):
        assert says in loaded.stdout, says
    tickers = {series["ticker"] for series in Client(base_url).prices()}
    assert "SPY" in tickers and "TWICE" not in tickers


def test_bad_rows_and_dates_are_dealt_with_as_the_command_says(
    base_url: str, folder: Path
) -> None:
    rows = [f"{9 + day:02},104,104.5,103,104.55,5" for day in range(2)]
    (folder / "BAD.csv").write_text(
        "\n".join(
            [
                "Date,Open,High,Low,Close,Volume",
                *(f"2024-01-{row}" for row in rows),
                "2024-01-11,9,10,8,9,5",
            ]
        )
    )
    (folder / "FX.csv").write_text(
        "Date,Close\n"
        + "".join(f"2024-01-{day:02}T22:00:00Z,1.{day}\n" for day in (7, 8, 9, 10, 11, 14, 15))
    )

    refused = load(base_url, folder / "BAD.csv")
    widened = load(base_url, "--folder", folder, "--bad-rows", "widen")
    dropped = load(base_url, folder / "BAD.csv", "--bad-rows", "drop")
    kept = load(base_url, folder / "FX.csv", "--keep-dates")

    assert (refused.returncode, widened.returncode, dropped.returncode, kept.returncode) == (
        1,
        0,
        0,
        0,
    )
    assert "bad_rows=widen or bad_rows=drop" in refused.stdout
    assert (
        "warning: High and Low widened to Open and Close in 2 rows: lines 2, 3" in widened.stdout
    )
    assert "FX.csv: warning: 7 of 7 daily bars dated by their session" in widened.stdout
    assert "other prices: 2 rows: lines 2, 3" in dropped.stdout
    assert [each["first_bar"] for each in Client(base_url).price_versions("FX")] == [
        "2024-01-07",
        "2024-01-08",
    ]


def test_a_file_over_the_platforms_limit_is_refused_and_the_next_is_loaded(
    app: Flask, base_url: str, folder: Path
) -> None:
    object.__setattr__(app.extensions["platform"].settings, "max_prices_mb", 1)
    (folder / "LARGE.csv").write_bytes(b"0" * (2**20 + 1))
    (folder / "SMALL.csv").write_text(daily(5))

    loaded = load(base_url, "--folder", folder)

    assert (loaded.returncode, [row[-2] for row in rows_of(loaded.stdout)]) == (
        1,
        ["refused", "new"],
    )
    assert "more than 1 MB, which is the limit (MAX_PRICES_MB)" in loaded.stdout


def test_a_dry_run_reports_and_the_options_are_sent(base_url: str, folder: Path) -> None:
    hourly = "time,open,high,low,close\n2013-03-01 10:00,1,1,1,1\n2013-03-01 11:00,1,1,1,1\n"
    (folder / "export.csv").write_text(hourly)
    arguments = [
        folder / "export.csv",
        "--ticker",
        "X",
        "--timeframe",
        "1h",
        "--timezone",
        "America/New_York",
    ]

    dry = load(base_url, *arguments, "--dry-run")
    held_before = [series["ticker"] for series in Client(base_url).prices()]
    real = load(base_url, *arguments)
    (folder / "Y.csv").write_text(daily(5))
    raw = load(base_url, folder / "Y.csv", "--no-adjust")

    assert (dry.returncode, real.returncode, raw.returncode) == (0, 0, 0), dry.stdout + dry.stderr
    assert "X" not in held_before
    assert Client(base_url).price_versions("X", "1h")[0]["first_bar"] == "2013-03-01T15:00:00Z"
    assert "Adj Close ignored as requested" in raw.stdout


def test_a_wrong_question_is_exit_code_2_and_nothing_is_sent(base_url: str, folder: Path) -> None:
    (folder / "NEW.csv").write_text(daily(5))
    (folder / "new.us.csv").write_text(daily(5))
    (folder / "data.csv").write_text(daily(5))
    (folder / "NEW_2h.csv").write_text(daily(5))
    (folder / "empty").mkdir()
    new = folder / "NEW.csv"

    for arguments, says in (
        ((), "no price files: name some"),
        (("--folder", folder / "empty"), "no price files: name some"),
        ((new, folder / "gone.csv"), "gone.csv: no such file"),
        ((new, folder / "data.csv"), "data.csv: its name has no ticker"),
        ((new, folder / "NEW_2h.csv"), "NEW_2h.csv: its name has another timeframe"),
        ((new, folder / "new.us.csv"), "are both NEW 1d; load one of them"),
        (
            (new, folder / "data.csv", "--ticker", "NEW"),
            "--ticker NEW is for one file, but 2 are named",
        ),
        ((new, "--ticker", "a/b"), "'a/b' is not a ticker: 1 to 15 of"),
        ((new, "--timezone", "Mars/Base"), "timezone: 'Mars/Base' is not accepted"),
        ((new, "--yahoo", "AAPL"), "--yahoo takes tickers and needs --from"),
        (
            ("--yahoo", "AAPL", "--from", "last year"),
            "'last year' is not a date of the form YYYY-MM-DD",
        ),
    ):
        program = load(base_url, *arguments)
        assert (program.returncode, says in program.stderr) == (2, True), (
            arguments,
            program.stderr,
        )
    assert "NEW" not in [series["ticker"] for series in Client(base_url).prices()]


def test_a_platform_that_is_away_is_exit_code_3(folder: Path) -> None:
    (folder / "NEW.csv").write_text(daily(5))

    program = load(f"http://127.0.0.1:{free_port()}", folder / "NEW.csv")

    assert (program.returncode, "cannot be reached" in program.stderr) == (3, True)


@contextmanager
def breaking_after_one() -> Iterator[str]:
    """A platform that takes one file and then has a fault of its own."""
    app, report = (
        Flask(__name__),
        {"bars": 5, "first_bar": "a", "last_bar": "b", "outcome": "new"},
    )
    left = [Response(status=500), report | {"warnings": [], "done": []}]
    app.add_url_rule(
        "/api/prices/<ticker>/<timeframe>", "put", lambda **_: left.pop(), methods=["PUT"]
    )
    with served(app) as url:
        yield url


def test_what_was_loaded_before_the_platform_broke_is_reported(folder: Path) -> None:
    for name in ("A.csv", "B.csv"):
        (folder / name).write_text(daily(5))

    with breaking_after_one() as url:
        program = load(url, "--folder", folder)

    assert (program.returncode, [row[0] for row in rows_of(program.stdout)]) == (3, ["A.csv"])


def test_a_version_is_listed_given_back_and_deleted_by_the_client(base_url: str) -> None:
    client = Client(base_url)
    first = client.load_prices("NEW", daily(5).encode(), source="mine", note="n")["data_hash"]
    second = client.load_prices("NEW", daily(6).encode(), dry_run=True)
    client.load_prices("NEW", daily(6).encode())

    assert (second["outcome"], second["added"], second["stored"]) == ("changed", 1, False)
    versions = client.price_versions("NEW")
    assert [(each["bars"], each["is_current"], each["source"]) for each in versions] == [
        (6, True, None),
        (5, False, "mine"),
    ]
    assert hashlib.sha256(client.price_csv("NEW", "1d", first)).hexdigest() == first
    client.delete_prices("NEW", "1d", first)
    assert len(client.price_versions("NEW")) == 1
    with pytest.raises(Refused, match="is the current version") as raised:
        client.delete_prices("NEW", "1d", second["data_hash"])
    assert raised.value.code == 409


def test_the_packaged_command_loads_too(base_url: str, folder: Path) -> None:
    (folder / "NEW.csv").write_text(daily(5))
    command = [
        sys.executable,
        "scripts/bulk_submit.py",
        "load",
        str(folder / "NEW.csv"),
        "--url",
        base_url,
    ]

    loaded = subprocess.run(
        command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )

    assert (loaded.returncode, rows_of(loaded.stdout)[0][:4]) == (
        0,
        ["NEW.csv", "NEW", "1d", "5"],
    )
