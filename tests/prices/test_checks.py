"""Odd series are pointed out, sound ones are not, and a new version says what it changes."""

from datetime import date, timedelta
from pathlib import Path

from adapters.prices.bars import Bars
from adapters.prices.checks import changes, oddities
from adapters.prices.reading import Meaning, read_prices

DATA = Path(__file__).resolve().parents[2] / "data"


def daily(closes: list[float], first: date = date(2012, 1, 3), volume: int = 10) -> Bars:
    """Bars on weekdays; New York was open on all of the first ten."""
    days = [first + timedelta(days=number) for number in range(3 * len(closes))]
    sessions = [day for day in days if day.weekday() < 5][: len(closes)]
    rows = [f"{day},{close},{close},{close},{close},{volume}" for day, close in zip(sessions, closes, strict=True)]
    return read_prices("\n".join(["Date,Open,High,Low,Close,Volume", *rows]).encode(), Meaning(timeframe="1d")).bars


def words(bars: Bars) -> str:
    return "\n".join(finding.message for finding in oddities(bars))


def test_thirteen_years_of_real_prices_have_one_oddity_a_real_crash() -> None:
    found = [
        finding.message
        for path in sorted(DATA.glob("*.csv"))
        for finding in oddities(read_prices(path.read_bytes(), Meaning(timeframe="1d")).bars)
    ]

    assert found == ["a close moved by over 50% in one bar, once: 2000-09-29 (-52%)"]


def test_missing_sessions_and_bars_on_closed_days_are_named() -> None:
    rows = "2011-12-23,1,1,1,1,1\n2011-12-26,1,1,1,1,1\n2011-12-28,1,1,1,1,1\n"  # the 26th was closed, the 27th was not
    bars = read_prices(f"Date,Open,High,Low,Close,Volume\n{rows}".encode(), Meaning(timeframe="1d")).bars

    assert "a session of the exchange has no bar, once: 2011-12-27" in words(bars)
    assert "a bar on a day on which the New York exchange was closed, once: 2011-12-26" in words(bars)


def test_tickers_that_trade_at_weekends_are_expected_every_day() -> None:
    rows = "2012-01-06,1,1,1,1,1\n2012-01-07,1,1,1,1,1\n2012-01-09,1,1,1,1,1\n"
    bars = read_prices(f"Date,Open,High,Low,Close,Volume\n{rows}".encode(), Meaning(timeframe="1d")).bars

    assert words(bars) == "a session of the exchange has no bar, once: 2012-01-08"


def test_a_jump_by_a_whole_factor_looks_like_a_split() -> None:
    assert "looks like a split" in words(daily([100, 101, 50.6, 51]))
    assert "moved by over 50%" in words(daily([100, 101, 45, 46]))


def test_silent_bars_and_a_stale_end_are_named() -> None:
    assert "closes are equal" in words(daily([1.0, 1.1, *[1.2] * 10]))
    mixed = "2012-01-03,1,1,1,1,0\n2012-01-04,1,1,1,1,5\n"
    bars = read_prices(f"Date,Open,High,Low,Close,Volume\n{mixed}".encode(), Meaning(timeframe="1d")).bars
    assert words(bars) == "no volume in 1 of 2 bars"


def test_a_new_version_says_what_it_adds_revises_and_drops() -> None:
    before, after = daily([10, 11, 12]), daily([10, 11.1, 12, 13])

    found = changes(after, before)

    assert (found.added, found.revised, found.removed) == (1, ["2012-01-04"], [])
    assert round(found.largest_pct, 3) == 0.909
    assert (
        "1 bars differ from the current version, by up to 0.909% of the close: 2012-01-04"
        in found.findings()[0].message
    )
    assert changes(before, after).removed == ["2012-01-06"]
    assert changes(before, before).findings() == []
