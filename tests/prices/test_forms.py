"""Files in the forms of many vendors are read as the same bars, and what contradicts itself is refused by name."""

import random
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.prices.forms import FORMS, Form
from adapters.prices.reading import Meaning, Reading, read_prices
from adapters.prices.table import RefusedFile
from adapters.prices.tickers import names_ticker
from contracts.timeframes import Timeframe
from tests.prices.vendors import DAILY, INTRADAY

HEADER = "Date,Open,High,Low,Close,Volume\n"
ROOT = Path(__file__).resolve().parents[2]
DAYS = ["2024-01-11", "2024-01-12", "2024-01-15", "2024-01-16", "2024-01-17"]
ADJUSTED = (
    "adjusted",
    "close_adj",
    "Close (adj)",
    "adj_close_price",
    "AdjClose",
    "Adj. Close",
    "adj_price",
    "ADJ",
)


def read(
    text: str, timeframe: Timeframe = "1d", zone: str | None = None, *, adjust: bool = True
) -> Reading:
    return read_prices(text.encode(), Meaning(timeframe=timeframe, zone=zone, adjust=adjust))


def refused(text: str, timeframe: Timeframe = "1d", zone: str | None = None) -> str:
    with pytest.raises(RefusedFile) as fault:
        read(text, timeframe, zone)
    return "; ".join(fault.value.findings)


def rows_of(reading: Reading) -> list[tuple[object, ...]]:
    """Date or time of each bar, then its numbers."""
    columns = [
        reading.bars.columns[name].tolist() for name in ("Open", "High", "Low", "Close", "Volume")
    ]
    return [*zip(reading.bars.dates(), *columns, strict=True)]


@pytest.mark.parametrize("vendor", DAILY)
def test_the_days_of_every_vendor_are_the_same_bars(vendor: str) -> None:
    reading = read(DAILY[vendor], adjust=False)

    expected = [(day, 10.5, 11.25, 9.75, 10.75, 5000.0) for day in DAYS]
    if "no volume" in vendor:
        expected = [(*row[:5], 0.0) for row in expected]
    assert rows_of(reading) == expected, reading


@pytest.mark.parametrize("vendor", INTRADAY)
def test_the_times_of_every_vendor_are_the_same_moments(vendor: str) -> None:
    text, zone = INTRADAY[vendor]

    reading = read(text, "1h", zone)

    moments = [f"2024-03-14T{hour}:30:00Z" for hour in (13, 14, 15)]
    assert [row[:5] for row in rows_of(reading)] == [
        (each, 10.5, 11.25, 9.75, 10.75) for each in moments
    ]


def cell(column: str, day: str, bar: dict[str, str], form: Form) -> str:
    """The cell of a column; what the form does not read is an empty one, or a number without a header."""
    example = form.header.split(",")[0]
    if column == "date" and form.first and example.isdigit() and len(example) > 8:
        seconds = (date.fromisoformat(day) - date(1970, 1, 1)).days * 86_400
        return f"{seconds * 10 ** (len(example) - 10)}"
    if column == "date" and form.first:
        year, month, number = day.split("-")
        written = {".": f"{year}.{month}.{number}", "/": f"{month}/{number}/{year}", "-": day}
        mark = next((mark for mark in written if mark in example.split(" ")[0]), "")
        clock = " 000000" if " " in example and not mark else ""
        return written.get(mark, day.replace("-", "")) + clock
    return {"date": day, "clock": "00:00", "-": "1" if form.first else "", "symbol": "AAA"}.get(
        column, bar.get(column, "")
    )


def test_each_form_of_the_table_is_read_by_its_header_or_first_row() -> None:
    dice = random.Random(47)
    for form in FORMS:
        columns = form.columns.split()
        delimiter = ";" if ";" in form.header else ","
        bars = []
        for _ in DAYS:
            low, *inner, high = sorted(dice.sample(range(1000, 9999), 4))
            dice.shuffle(inner)
            open_, close = inner
            names = ("open", "high", "low", "close", "adjusted")
            numbers = dict(zip(names, (open_, high, low, close, close), strict=True))
            bars.append(
                {name: f"{number / 100}" for name, number in numbers.items()}
                | {"volume": "70", "ticks": "0"}
            )
        lines = [
            delimiter.join(cell(each, day, bar, form) for each in columns)
            for day, bar in zip(DAYS, bars, strict=True)
        ]
        text = "\n".join([*([] if form.first else [form.header]), *lines])

        reading = read(text)

        for row, day, bar in zip(rows_of(reading), DAYS, bars, strict=True):
            read_names = [
                name for name in ("open", "high", "low", "close", "volume") if name in columns
            ]
            values = dict(zip(("open", "high", "low", "close", "volume"), row[1:], strict=True))
            assert row[0] == day, (form.name, text)
            assert {name: values[name] for name in read_names} == {
                name: float(bar[name]) for name in read_names
            }, (form.name, text)


def test_columns_in_any_order_with_strange_ones_between_are_read_by_their_names() -> None:
    dice = random.Random(15)
    for form in FORMS:
        pairs = [
            *zip(form.header.replace(";", ",").split(","), form.columns.split(), strict=True)
        ]
        if form.first or "" in dict(pairs):
            continue
        bar = {"date": "2024-01-11", "clock": "00:00", "open": "2", "high": "4", "low": "1", "close": "3",
               "adjusted": "3", "volume": "7", "ticks": "0", "symbol": "AAA"}  # fmt: skip
        pairs += [(f"x{number}", "?") for number in range(dice.randrange(4))]
        dice.shuffle(pairs)
        text = (
            "|".join(name for name, _ in pairs)
            + "\n"
            + "|".join(bar.get(column, "") for _, column in pairs)
        )

        (row,) = rows_of(read(text))

        assert row[4] == 3.0 and (row[5] == 7.0 or "volume" not in form.columns), (
            form.name,
            text,
        )


@pytest.mark.parametrize("name", ADJUSTED)
def test_adjusted_closes_go_by_many_names(name: str) -> None:
    lines = [
        f"symbol,date,open,high,low,close,volume,{name}",
        *(f"AAA,{day},10,11,9,10,5,8" for day in DAYS),
    ]

    reading = read("\n".join(lines))

    assert [row[1:5] for row in rows_of(reading)] == [(8.0, 8.8, 7.2, 8.0)] * 5
    assert rows_of(read("\n".join(lines), adjust=False))[0][1:5] == (10.0, 11.0, 9.0, 10.0)


def test_a_column_that_only_looks_like_adjusted_closes_is_left_out_with_a_warning() -> None:
    for name, warned in (
        ("close_split_adjusted", True),
        ("adj_usd", True),
        ("TotalReturnAdjusted", True),
        ("adj_factor", False),
        ("Adj Open", False),
        ("adjVolume", False),
        ("change", False),
    ):
        reading = read(f"{HEADER.strip()},{name}\n2024-01-11,10,11,9,10,5,8\n")

        assert rows_of(reading)[0][4] == 10.0, name
        assert (f"{name!r} looks like adjusted closes" in "".join(reading.warnings)) == warned, (
            name
        )


def test_of_two_columns_of_adjusted_closes_one_is_read_and_the_other_named() -> None:
    (warning,) = read(
        f"{HEADER.strip()},Adj Close,adjusted\n2024-01-11,10,11,9,10,5,8,7\n"
    ).warnings

    assert warning.startswith(
        "the column 'adjusted' looks like adjusted closes and is left out; another column"
    )


def test_a_flag_by_the_name_of_adjusted_closes_is_left_out() -> None:
    for flag in ("True", "no", ""):
        reading = read(f"{HEADER.strip()},adjusted\n2024-01-11,10,11,9,10,5,{flag}\n")

        assert rows_of(reading)[0][4] == 10.0
        assert "ignored columns: adjusted" in reading.done


def two_tickers(dice: random.Random, tickers: list[str]) -> dict[str, str]:
    """One file with prices of these tickers, in each of the layouts that put them into one."""
    names = ["Close", "High", "Low", "Open", "Volume"]
    dice.shuffle(names)
    by_name = [(name, ticker) for name in names for ticker in tickers]
    by_ticker = [(name, ticker) for ticker in tickers for name in names]
    numbers = {"Close": "10", "High": "11", "Low": "9", "Open": "10", "Volume": "5"}

    def wide(pairs: list[tuple[str, str]], *heads: list[str]) -> str:
        rows = [[day, *(numbers[name] for name, _ in pairs)] for day in DAYS]
        return "\n".join(",".join(row) for row in [*heads, *rows])

    of, tick = [name for name, _ in by_name], [ticker for _, ticker in by_name]
    blank = [""] * len(by_name)
    return {
        "yfinance": wide(by_name, ["Price", *of], ["Ticker", *tick], ["Date", *blank]),
        "older yfinance": wide(by_name, ["", *of], ["", *tick], ["Date", *blank]),
        "by ticker": wide(
            by_ticker,
            ["Ticker", *(ticker for _, ticker in by_ticker)],
            ["Price", *(name for name, _ in by_ticker)],
            ["Date", *blank],
        ),
        "quantmod": wide(by_ticker, ["Index", *(f"{ticker}.{name}" for name, ticker in by_ticker)]),
        "flat": wide(by_name, ["Date", *(f"{name}_{ticker}" for name, ticker in by_name)]),
        "tuples": wide(by_name, ["Date", *(f"\"('{name}', '{ticker}')\"" for name, ticker in by_name)]),
        "long": "\n".join(["Symbol,Date,Open,Close", *(f"{each},{day},10,10" for day in DAYS for each in tickers)]),
        "stacked": "\n".join(["Date,Open,Close,Name", *(f"{day},10,10,{each}" for each in tickers for day in DAYS)]),
    }  # fmt: skip


def test_prices_of_several_tickers_in_one_file_are_refused_by_their_names() -> None:
    dice = random.Random(2)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for _ in range(20):
        tickers = [
            "".join(dice.sample(letters, dice.randrange(2, 5)))
            for _ in range(dice.randrange(2, 5))
        ]
        tickers = [*dict.fromkeys(tickers), "QQ.9"]
        for layout, text in two_tickers(dice, tickers).items():
            assert f"prices of {len(tickers)} tickers: {', '.join(tickers)[:20]}" in refused(
                text
            ), (layout, text)


def test_of_one_ticker_the_same_layouts_are_read_and_its_name_is_kept() -> None:
    for layout, text in two_tickers(random.Random(3), ["AAA"]).items():
        reading = read(text)

        assert rows_of(reading)[0][4] == 10.0, layout
        assert [*reading.tickers] == ["AAA"], layout


def test_a_column_that_appears_twice_is_refused_with_its_places() -> None:
    names = HEADER.strip().split(",")
    for place, name in enumerate(names):
        for again in (name, name.upper(), f" {name} ", f"{name}.1"):
            text = (
                ",".join([*names, again])
                + "\n2024-01-11,10,11,9,10,5,"
                + ("2024-01-11" if place == 0 else "10")
            )

            assert (
                f"appears 2 times: {name!r} (column {place + 1}) and {again!r} (column 7)"
                in refused(text)
            )


def test_a_row_that_is_longer_than_the_header_is_refused() -> None:
    assert (
        refused("Date,Close\n2024-01-11,$1,234.50\n") == "line 2: 3 columns, but the header has 2"
    )
    assert len(read("Date,Close\n2024-01-11,10,\n").bars) == 1


def test_no_volume_at_all_gets_a_warning_and_ticks_stand_in_for_it() -> None:
    dice = random.Random(7)
    for blank in ("0", "-", "", "n/a", "--", "0.0"):
        reading = read(HEADER + "".join(f"{day},10,11,9,10,{blank}\n" for day in DAYS))
        assert (
            "no volume in any bar, so rules that use volume give no signals" in reading.warnings
        ), blank
    for ticks_name, volume_name in (
        ("<TICKVOL>", "<VOL>"),
        ("tick_volume", "real_volume"),
        ("Tick Volume", "Volume"),
    ):
        volumes = [dice.randrange(3) for _ in DAYS]
        ticks = [dice.randrange(1, 900) for _ in DAYS]
        for traded in (volumes, [0] * 5):
            lines = [f"date\topen\thigh\tlow\tclose\t{ticks_name}\t{volume_name}"]
            lines += [
                f"{day}\t10\t11\t9\t10\t{tick}\t{each}"
                for day, tick, each in zip(DAYS, ticks, traded, strict=True)
            ]
            reading = read("\n".join(lines))
            assert [row[5] for row in rows_of(reading)] == (traded if any(traded) else ticks)
            assert any("tick" in each for each in reading.done) and not reading.warnings


def test_dates_are_read_in_the_one_order_that_keeps_them_in_order() -> None:
    dice = random.Random(11)
    written = (
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%m/%d/%y",
        "%d.%m.%y",
        "%d.%m.%Y",
        "%Y.%m.%d",
        "%y/%m/%d",
        "%b %d, %Y",
        "%d-%b-%y",
    )
    for pattern in written:
        for _ in range(8):
            first = date(dice.randrange(1995, 2025), dice.randrange(1, 13), dice.randrange(1, 29))
            days = [first + timedelta(days=number) for number in range(dice.randrange(25, 60))]
            days = days[::-1] if dice.random() < 0.5 else days
            text = "Date;Close\n" + "".join(f"{day:{pattern}};10\n" for day in days)

            assert read(text).bars.dates() == [str(day) for day in sorted(days)], (pattern, first)


def test_a_date_column_and_a_time_column_are_read_each_by_itself() -> None:
    dice = random.Random(30)
    dates = ("%m/%d/%Y", "%Y%m%d", "%d.%m.%Y", "%Y-%m-%d", "%Y-%m-%d 00:00:00", "%Y.%m.%d")
    clocks = {
        "HH:MM": "{0:02}:{1:02}",
        "H:MM": "{0}:{1:02}",
        "HHMM": "{0:02}{1:02}",
        "HMM": "{2}",
        "HHMMSS": "{0:02}{1:02}00",
        "HMMSS": "{3}",
        "HH:MM:SS": "{0:02}:{1:02}:00.000",
    }
    for day_pattern in dates:
        for clock in clocks.values():
            at = dice.randrange(0, 12)
            times = [
                (date(2024, 3, 14 + day), hour, 30)
                for day in range(3)
                for hour in range(at, at + 8)
            ]
            rows = [
                f"{day:{day_pattern}},{clock.format(hour, minute, number := hour * 100 + minute, number * 100)},10\n"
                for day, hour, minute in times
            ]

            reading = read("Date,Time,Close\n" + "".join(rows), "1h", "UTC")

            expected = [f"{day}T{hour:02}:{minute}:00Z" for day, hour, minute in times]
            assert reading.bars.dates() == expected, (day_pattern, clock)


def test_times_that_are_none_are_named_as_the_file_has_them() -> None:
    for time, says in (
        ("25:00", "line 2: Time '25:00' is not a time of day; use HH:MM"),
        ("13:00 PM", "line 2: Time '13:00 PM' is not a time of day"),
        ("9x30", "line 2: Time '9x30' is not a time of day"),
        ("10", "the times, such as '10', may be hours or minutes; write them as HH:MM"),
    ):
        assert says in refused(f"Date,Time,Close\n2024-01-11,{time},10\n", "1h", "UTC")


def test_half_days_of_twelve_hours_are_hours_of_the_day() -> None:
    for hour in range(24):
        written = f"{(hour - 1) % 12 + 1}:05 {'AM' if hour < 12 else 'PM'}"
        for text in (
            f"Date,Close\n01/16/2024 {written},10\n",
            f"Date,Time,Close\n01/16/2024,{written.lower()},10\n",
        ):
            assert read(text, "1h", "UTC").bars.first == f"2024-01-16T{hour:02}:05:00Z", text


def test_a_last_line_that_is_no_bar_is_left_out_and_named_and_a_cut_off_one_is_refused() -> None:
    rows = "".join(f"{day},10,11,9,10,5\n" for day in DAYS)
    footer = "Downloaded from Barchart.com as of 01-19-2024 05:16pm CST"

    reading = read(f"{HEADER}{rows}{footer}\n")

    assert len(reading.bars) == 5
    assert reading.done == [f"line 7 left out, which is no bar: {footer[:40]}"]
    for cut in ("2024", "2024-01-18,10,1", footer + "\n2024-01-18,10,11,9,10,5"):
        assert "columns, but the header has 6" in refused(f"{HEADER}{rows}{cut}\n"), cut


def test_prices_keep_all_digits_behind_signs_of_money_and_separators() -> None:
    dice = random.Random(4)
    for _ in range(60):
        price = Decimal(dice.randrange(10**3, 10**9)).scaleb(-2)
        for written in (
            f"${price}",
            f"${price:,}",
            f"€{price:,}",
            f"{price} €",
            f"{price:,} USD",
            f"{price:,}".replace(",", "'"),
            f"{price:,}".replace(",", "\u00a0"),
        ):
            text = f"Date;Close\n2024-01-11;{written}\n2024-01-12;0.01\n"
            assert rows_of(read(text))[0][4] == float(price), written


def test_a_ticker_has_other_spellings_and_no_other_ticker_has_them() -> None:
    for ticker, spellings, others in (
        (
            "AAPL",
            ("AAPL", "aapl", "AAPL.US", "NASDAQ:AAPL", "^AAPL"),
            ("AAP", "AAPLE", "MSFT", "MSFT.US"),
        ),
        ("BTCUSDT", ("BTC/USDT", "BTC-USDT", "BINANCE:BTCUSDT"), ("BTC/USD", "ETH/USDT")),
        ("BRK-B", ("BRK.B", "BRK/B", "BRKB"), ("BRK.A", "BRK-A")),
        ("005930.KS", ("005930", "005930.KS"), ("005935", "005935.KS")),
        ("EURUSD=X", ("EURUSD", "EUR/USD"), ("GBPUSD", "GBPUSD=X")),
    ):
        assert [each for each in (*spellings, *others) if names_ticker(each, ticker)] == [
            *spellings
        ], ticker


def test_the_page_on_prices_has_every_form_of_the_table() -> None:
    page = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
    rows = [f"| {form.name} | `{form.header}` |" for form in FORMS]

    assert [row for row in page.splitlines() if row in rows] == rows
