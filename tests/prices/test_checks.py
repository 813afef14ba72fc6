"""Odd series are pointed out, sound ones are not, and a new version says what it changes."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np

from adapters.prices.bars import CLOSES_ONLY, PriceBars
from adapters.prices.checks import changes, oddities
from adapters.prices.decoding import unpacked
from adapters.prices.reading import Meaning, read_prices

DATA = Path(__file__).resolve().parents[2] / "data"


def daily(closes: list[float], first: date = date(2012, 1, 3), volume: int = 10) -> PriceBars:
    """Bars on weekdays; New York was open on all of the first ten."""
    days = [first + timedelta(days=number) for number in range(3 * len(closes))]
    sessions = [day for day in days if day.weekday() < 5][: len(closes)]
    rows = [
        f"{day},{close},{close + 1},{close},{close},{volume}"
        for day, close in zip(sessions, closes, strict=True)
    ]
    return read_prices(
        "\n".join(["Date,Open,High,Low,Close,Volume", *rows]).encode(), Meaning(timeframe="1d")
    ).bars


def words(bars: PriceBars) -> str:
    return "\n".join(oddities(bars))


def test_thirteen_years_of_real_prices_have_one_oddity_a_real_crash() -> None:
    warnings = [
        warning
        for path in sorted(DATA.glob("*.csv"))
        for warning in oddities(read_prices(path.read_bytes(), Meaning(timeframe="1d")).bars)
    ]

    assert warnings == ["close moved more than 50% in one bar, once: 2000-09-29 (-52%)"]


def test_the_long_prices_of_stocks_are_closes_only_and_23_of_their_falls_look_like_splits() -> (
    None
):
    splits, others = 0, []
    for path in sorted(DATA.glob("*.csv.gz")):
        bars = read_prices(unpacked(path.read_bytes()), Meaning(timeframe="1d")).bars
        assert bars.closes_only is not path.name.startswith("^"), path.name
        for message in words(bars).splitlines():
            if match := re.search(r"unadjusted split, (\w+)", message):
                splits += int(match[1].replace("once", "1"))
            elif message != CLOSES_ONLY:
                others.append(message)

    assert splits == 23
    assert others == [
        "close moved more than 50% in one bar, once: 2016-04-22 (+52%)", "no volume in 2 of 5,031 bars"
    ]  # fmt: skip


def test_days_on_end_without_a_bar_are_named() -> None:
    days = (
        "2011-12-19",
        "2011-12-20",
        "2011-12-21",
        "2011-12-23",
        "2012-01-02",
        "2012-01-03",
        "2012-01-10",
    )
    rows = "".join(f"{day},1,2,1,1,1\n" for day in days)
    bars = read_prices(
        f"Date,Open,High,Low,Close,Volume\n{rows}".encode(), Meaning(timeframe="1d")
    ).bars

    assert words(bars) == "gap of more than 7 days, once: 2011-12-23 to 2012-01-02"


def test_tickers_that_trade_at_weekends_are_expected_every_day() -> None:
    rows = "2012-01-06,1,2,1,1,1\n2012-01-07,1,2,1,1,1\n2012-01-09,1,2,1,1,1\n"
    bars = read_prices(
        f"Date,Open,High,Low,Close,Volume\n{rows}".encode(), Meaning(timeframe="1d")
    ).bars

    assert words(bars) == "gap of more than 1 day, once: 2012-01-07 to 2012-01-09"


def test_a_jump_by_a_whole_factor_looks_like_a_split() -> None:
    assert "unadjusted split" in words(daily([100, 101, 50.6, 51]))
    assert "moved more than 50%" in words(daily([100, 101, 45, 46]))


def test_a_split_of_three_to_two_four_to_three_or_five_to_four_is_distinguished_from_a_fall() -> (
    None
):
    for factor in (2 / 3, 3 / 4, 4 / 5):
        assert "unadjusted split, once" in words(
            daily([100, 101, 101 * factor * 1.01, 101 * factor])
        )
        assert words(daily([100, 101, 101 * factor * 0.97, 101 * factor])) == ""


def test_of_such_splits_in_the_shipped_prices_five_in_six_are_pointed_out() -> None:
    for path in sorted(DATA.glob("*.csv")):
        bars = read_prices(path.read_bytes(), Meaning(timeframe="1d")).bars
        fallen = np.arange(len(bars)) // 10 % 2 == 1
        split = tuple(np.where(fallen, column * 4 // 5, column) for column in bars.prices)

        warning = words(replace(bars, prices=split))

        count = int(re.search(r"unadjusted split, (\d+) times", warning)[1])
        assert 5 / 6 < count / (len(bars) // 20) <= 1, (path.name, count)


def test_bars_that_no_timeframe_is_for_are_pointed_out() -> None:
    for timeframe, step, days_in_words in (
        ("1d", timedelta(days=30), "30 days apart, not 1 day as in 1d"),
        ("1w", timedelta(weeks=2), "14 days apart, not 7 days as in 1w"),
        ("1h", timedelta(hours=3), "3 hours apart, not 1 hour as in 1h"),
        ("5m", timedelta(minutes=10), "10 minutes apart, not 5 minutes as in 5m"),
    ):
        starts = [
            (datetime(2012, 1, 2, tzinfo=UTC) + number * step).isoformat() for number in range(4)
        ]
        rows = "".join(f"{start},1,1,1,1,1\n" for start in starts)
        meaning = Meaning(timeframe=timeframe)
        bars = read_prices(f"Date,Open,High,Low,Close,Volume\n{rows}".encode(), meaning).bars

        assert days_in_words in words(bars)


def test_no_four_bars_of_2001_seem_to_be_of_another_timeframe() -> None:
    bars = read_prices((DATA / "AAPL.csv").read_bytes(), Meaning(timeframe="1d")).bars

    for first in range(200, 480):
        part = slice(first, first + 4)
        partial = replace(
            bars, times=bars.times[part], prices=[column[part] for column in bars.prices]
        )
        assert words(partial) == "", partial.first


def test_silent_bars_and_a_stale_end_are_named() -> None:
    assert "closes are equal" in words(daily([1.0, 1.1, *[1.2] * 10]))
    mixed = "2012-01-03,1,2,1,1,0\n2012-01-04,1,2,1,1,5\n"
    bars = read_prices(
        f"Date,Open,High,Low,Close,Volume\n{mixed}".encode(), Meaning(timeframe="1d")
    ).bars
    assert words(bars) == "no volume in 1 of 2 bars"


def test_a_series_is_closes_only_until_one_bar_knows_more() -> None:
    lone = "Date,Open,High,Low,Close,Volume\n2012-01-03,1,1,1,1,5\n2012-01-04,2,2,2,2,5\n"

    for text, closes_only in ((lone, True), (lone.replace("2,2,2,2", "2,2,1,2"), False)):
        bars = read_prices(text.encode(), Meaning(timeframe="1d")).bars

        assert bars.closes_only is closes_only
        assert (
            "closes only: open, high and low are the close on every bar" in words(bars)
        ) is closes_only


def test_a_new_version_says_what_it_adds_revises_and_drops() -> None:
    before, after = daily([10, 11, 12]), daily([10, 11.1, 12, 13])

    revised = "1 bars differ from the current version, by up to 0.909% of the close: 2012-01-04"
    assert changes(after, before) == ({"added": 1, "revised": 1, "removed": 0}, [revised])
    counts, (_, missing) = changes(before, after)
    assert (counts, missing) == (
        {"added": 0, "revised": 1, "removed": 1},
        "1 bars of the current version are missing: 2012-01-06",
    )
    assert changes(before, before) == ({"added": 0, "revised": 0, "removed": 0}, [])


def test_the_factor_of_a_split_is_that_of_the_jump_that_looks_like_one() -> None:
    chance = Random(18)
    for _ in range(300):
        factor = chance.choice((2 / 3, 3 / 4, 4 / 5))
        opened = 100 * factor * chance.uniform(0.985, 1.015)
        close = chance.uniform(91, 109)  # which is no jump
        rows = (
            f"2012-01-03,100,101,99,100,1\n2012-01-04,{opened},{max(opened, close)},1,{close},1\n"
        )
        bars = read_prices(
            f"Date,Open,High,Low,Close,Volume\n{rows}".encode(), Meaning(timeframe="1d")
        ).bars

        assert f"2012-01-04 (×{opened / 100:.3g})" in words(bars), (opened, close)

    for ratio in (2, 3, 10, 0.5, 0.1):
        assert f"(×{ratio:.3g})" in words(daily([100, 100 * ratio, 100 * ratio]))


def test_a_week_of_other_days_needs_a_choice_and_its_weekends_are_no_gaps() -> None:
    days = [date(2012, 1, 1) + timedelta(days=number) for number in range(200)]
    for left_out, says in (
        ((4, 5), "on Sundays and 0 on Fridays"),
        ((6, 0), "on Saturdays and 0 on Mondays"),
        ((5, 6), ""),
    ):
        rows = "".join(
            f"{day},1,2,1,{1 + day.day % 2},1\n" for day in days if day.weekday() not in left_out
        )
        bars = read_prices(
            f"Date,Open,High,Low,Close,Volume\n{rows}".encode(), Meaning(timeframe="1d")
        ).bars

        warnings = [
            each for each in oddities(bars) if "split" not in each and "more than 50%" not in each
        ]
        assert len(warnings) == bool(says), (left_out, warnings)
        assert says in "".join(warnings)
