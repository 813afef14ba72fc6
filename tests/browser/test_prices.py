"""Own prices in the dashboard: from an exported file to a run, and to the same run after newer prices came."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.steps import new_run, wait_for_result
from tests.services.prices import DATA

TICKER = "OWN"


def exported(path: Path, bars: int, factor: float = 1.0) -> Path:
    """A daily file as Yahoo exports it: quoted dates, Adj Close, one `null` line."""
    lines = [
        "Date,Open,High,Low,Close,Adj Close,Volume",
        "2000-02-29,null,null,null,null,null,null",
    ]
    for line in (DATA / "MSFT.csv").read_text().splitlines()[1 : bars + 1]:
        date, *prices, volume = line.split(",")
        opened, high, low, close = (f"{float(price) * factor:.4f}" for price in prices[:4])
        lines.append(f"{date},{opened},{high},{low},{close},{float(close) * 0.9:.4f},{volume}")
    path.write_text("\n".join(lines) + "\n")
    return path


def load(visit: Visit, file: Path, says: str) -> None:
    """Drop a file on the page, see what is in it, and load it."""
    visit.open("/prices")
    visit.page.locator("#price-files").set_input_files(str(file))
    expect(visit.page.locator("#price-reports")).to_contain_text(says)
    visit.page.get_by_role("button", name="Load").click()
    expect(visit.page.locator("#price-reports")).to_contain_text(
        f"Loaded. Run a backtest on {TICKER}"
    )
    expect(visit.page.locator("#price-series")).to_contain_text(TICKER)


def metrics(visit: Visit) -> list[str]:
    return visit.page.locator("[data-metric] .value").all_inner_texts()


def test_a_dropped_export_is_run_and_run_again_the_same_after_newer_prices(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.page
    load(visit, exported(tmp_path / f"{TICKER}.csv", 400), "New series. 400 bars")
    address = new_run(visit, ticker=TICKER)
    first = metrics(visit)

    load(
        visit,
        exported(tmp_path / f"{TICKER}.csv", 500, factor=1.5),
        "100 bars added, 400 revised, 0 removed",
    )
    versions = page.locator("#price-series thead th").all_inner_texts().index("Versions")
    row = page.locator("#price-series tbody tr", has_text=TICKER)
    expect(row.locator("th, td").nth(versions)).to_have_text("2")
    page.goto(address)
    page.get_by_role("button", name="Reproduce").click()
    page.wait_for_url(lambda url: "/result/" in url and url != address)
    wait_for_result(page)

    assert first and metrics(visit) == first
    expect(page.locator("main")).to_contain_text(re.compile("identical|same", re.IGNORECASE))
    page.goto(address)
    page.get_by_role("link", name="Clone").click()
    expect(page.locator("#newer-prices")).to_contain_text(f"The prices of {TICKER} are newer")


def test_what_sources_call_their_files_says_the_ticker_and_without_one_nothing_is_loaded(
    visit: Visit, tmp_path: Path
) -> None:
    names = {
        "BATS_AAPL, 60.csv": "AAPL",
        "NYSE_F, 1D_5c3f7.csv": "F",
        "weekly_adjusted_KO.csv": "KO",
        "intraday_5min_BRK-B.csv": "BRK-B",
        "ibm.us.txt": "IBM",
        "stq_us_w.csv": "STQ",
        "^GSPC_1d.csv": "^GSPC",
        "PG Historical Data (1).csv": "PG",
        "mine from home.csv": "MINE",
    }
    for name in names:
        (tmp_path / name).write_text("Date,Close\n2013-02-28,63\n2013-03-01,64\n")
    visit.open("/prices")

    visit.page.locator("#price-files").set_input_files([tmp_path / name for name in names])

    tickers = visit.page.locator("#price-reports input[name=ticker]")
    expect(tickers).to_have_count(len(names))
    assert [field.input_value() for field in tickers.all()] == [*names.values()]
    expect(visit.page.get_by_role("button", name="Load")).to_have_text("Load 9 files")
    tickers.first.fill("")
    tickers.first.blur()
    expect(visit.page.locator("#price-reports")).to_contain_text("Ticker: '_' is not accepted")
    expect(visit.page.get_by_role("button", name="Load")).to_have_text("Load 8 files")
    visit.expect_fault("status of 400")


def test_a_file_that_is_no_price_file_says_where_it_is_wrong(
    visit: Visit, tmp_path: Path
) -> None:
    (tmp_path / "bad.csv").write_text("Date,Open\n2020-01-02,1\n")
    visit.open("/prices")

    visit.page.locator("#price-files").set_input_files(str(tmp_path / "bad.csv"))

    expect(visit.page.locator("#price-reports")).to_contain_text("line 1: no column for Close")
    expect(visit.page.locator("#price-load")).to_be_disabled()
    visit.expect_fault("status of 400")


def within_a_day(path: Path) -> Path:
    """Five minutes of four sessions of New York, by its clock."""
    clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(9 * 60 + 30, 16 * 60, 5)]
    bars = [
        (f"2024-01-0{day} {at}", 100 + (number % 7))
        for day in (2, 3, 4, 5)
        for number, at in enumerate(clock)
    ]
    path.write_text("Date,Close\n" + "".join(f"{when},{close}\n" for when, close in bars))
    return path


def test_timeframe_and_zone_are_guessed_shown_changed_and_the_way_to_a_run_is_shown(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.page
    visit.open("/prices")
    count = int(page.locator("#price-count").inner_text().split()[0])
    page.locator("#price-files").set_input_files(str(within_a_day(tmp_path / "MINE.csv")))
    report = page.get_by_role("group", name="MINE.csv")

    expect(report).to_contain_text("New series. 312 bars from 2024-01-02 to 2024-01-05")
    expect(report.get_by_label("Timeframe")).to_have_value("5m")
    expect(report.get_by_label("Time zone of the file")).to_have_value("America/New_York")
    expect(report).to_contain_text("no column for Open, High, Low")

    report.get_by_label("Timeframe").select_option("1d")
    expect(report.locator(".fault")).to_have_text(
        "Timeframe: 1d (1 day) does not fit the file: bars are 5 minutes apart (5m)"
    )
    expect(page.locator("#price-load")).to_be_disabled()
    visit.expect_fault("status of 400")

    report.get_by_label("Timeframe").select_option("5m")
    page.get_by_role("button", name="Load").click()
    expect(page.locator("#price-count")).to_have_text(f"{count + 1} series")
    report.get_by_role("link", name="Run a backtest on MINE").click()

    expect(page.locator("[name=ticker]")).to_have_value("MINE")
    expect(page.locator("[name=timeframe]")).to_have_value("5m")
    expect(page.locator("[name=start_date]")).to_have_value("2024-01-02")


def test_bad_rows_and_dates_are_dealt_with_as_chosen(visit: Visit, tmp_path: Path) -> None:
    days = (7, 8, 9, 10, 11, 14, 15)
    rows = [f"2024-01-{day:02}T22:00:00Z,104,{100 + day / 2},99,104.55,5" for day in days]
    (tmp_path / "FX.csv").write_text("\n".join(["time,open,high,low,close,volume", *rows]))
    visit.open("/prices")

    visit.page.locator("#price-files").set_input_files(str(tmp_path / "FX.csv"))

    report = visit.page.get_by_role("group", name="FX.csv")
    expect(report).to_contain_text("to load the file anyway, set bad_rows=widen or bad_rows=drop")
    visit.expect_fault("status of 400")
    visit.page.get_by_label("Bad High or Low").select_option("widen")
    expect(report).to_contain_text("New series. 7 bars from 2024-01-08 to 2024-01-16")
    expect(report).to_contain_text(
        "High and Low widened to Open and Close in 3 rows: lines 2, 3, 4"
    )
    expect(report).to_contain_text("7 of 7 daily bars dated by their session")
    visit.page.get_by_label("Keep dates as written").check()
    expect(report).to_contain_text("7 bars from 2024-01-07 to 2024-01-15")


def test_a_name_with_a_character_that_no_ticker_has_is_not_loaded_as_another_ticker(
    visit: Visit, tmp_path: Path
) -> None:
    for name, ticker in (("M&M.NS.csv", "M&M.NS"), ("CME_MINI_ES1!, 1D.csv", "ES1!")):
        (tmp_path / name).write_text("Date,Close\n2013-02-28,63\n2013-03-01,64\n")
        visit.open("/prices")

        visit.page.locator("#price-files").set_input_files(str(tmp_path / name))

        expect(visit.page.locator("#price-reports")).to_contain_text(
            f"Ticker: '{ticker}' is not accepted; accepted: 1 to 15 of A-Z 0-9"
        )
        visit.expect_fault("status of 400")


def test_the_end_of_a_series_is_reserved_opened_once_and_released(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.page
    page.on("dialog", lambda dialog: dialog.accept())
    load(visit, exported(tmp_path / f"{TICKER}.csv", 600, factor=1.25), "600 bars")

    visit.open(f"/prices/{TICKER}/1d")
    page.get_by_label("First reserved day").fill("2001-06-01")
    page.get_by_role("button", name="Reserve").click()
    vault = page.get_by_role("region", name="Vault")
    expect(vault).to_contain_text("from 2001-06-01 on are reserved")
    expect(page.locator("#bars-title + span")).to_contain_text("to 2001-05-31")

    address = new_run(visit, ticker=TICKER)
    page.get_by_role("button", name="Open the vault").click()
    page.wait_for_url("**/studies/*")
    page.goto(address)
    page.get_by_role("button", name="Open the vault").click()
    expect(page.locator("#action-fault")).to_contain_text("it is opened once for each request")
    visit.expect_fault("status of 409")

    visit.open(f"/prices/{TICKER}/1d")
    expect(vault).to_contain_text("opened 1 time")
    vault.get_by_role("button", name="Release the bars").click()
    expect(vault).to_contain_text(f"No bars of {TICKER} are reserved")
    expect(page.locator("#bars-title + span")).not_to_contain_text("to 2001-05-31")
