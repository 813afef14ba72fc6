"""High and Low that contradict their bar: rounding is mended, all else refuses the file or is dealt with as asked."""

from datetime import date, timedelta
from random import Random

import pytest

from adapters.prices.reading import Meaning, Reading, read_prices
from adapters.prices.table import RefusedFile

HEADER = "Date,Open,High,Low,Close,Volume"
DAYS = [
    date(2001, 1, 1) + timedelta(days=7 * (number // 5) + number % 5) for number in range(400)
]
Bar = list[float]


def load(bars: list[Bar], header: str = HEADER, **meaning: object) -> Reading:
    rows = [
        ",".join([str(day), *map(repr, bar), "5"]) for day, bar in zip(DAYS, bars, strict=False)
    ]
    return read_prices("\n".join([header, *rows]).encode(), Meaning(timeframe="1d", **meaning))


def sound(chance: Random, count: int) -> list[Bar]:
    """Open, high, low and close with cents; the close is often the highest or the lowest."""
    bars = []
    for _ in range(count):
        low, high = sorted(chance.randint(1_000, 90_000) / 100 for _ in range(2))
        inner = [low, high, round(chance.uniform(low, high), 2)]
        bars.append([chance.choice(inner), high, low, chance.choice(inner)])
    return bars


def test_prices_adjusted_with_floats_are_rounding_and_load() -> None:
    chance, mended = Random(13), 0
    for number in range(60):
        bars = sound(chance, 120)
        adjusted = []
        for opened, high, low, close in bars:
            adjusted_close = chance.uniform(1, 900)
            ratio = adjusted_close / close
            adjusted.append([opened * ratio, high * ratio, low * ratio, adjusted_close])

        reading = load(adjusted)
        off = [
            line
            for line, (opened, high, low, close) in enumerate(adjusted, start=2)
            if high < max(opened, close) or low > min(opened, close)
        ]

        mended += len(off)
        notes = [each for each in reading.done if each.startswith("High or Low rounded to")]
        assert len(notes) == bool(off), number
        if off:
            assert f"in {len(off)} row" in notes[0] and f" {off[0]}" in notes[0], (number, notes)
        columns = reading.bars.columns
        assert (columns["High"] >= columns["Close"]).all() and (
            columns["Low"] <= columns["Open"]
        ).all()
    assert mended > 100


def test_rounding_is_mended_before_prices_are_adjusted() -> None:
    chance = Random(131)
    header = "Date,Open,High,Low,Close,Adj Close,Volume"
    for number in range(300):
        close = chance.uniform(10, 90)
        high, adjusted = close * (1 - 0.9e-9), chance.randint(10_000_000, 89_999_999) / 1e6

        reading = load([[close, high, close / 2, close, adjusted]] * 3, header)

        assert reading.bars.columns["High"].tolist() == reading.bars.columns["Close"].tolist(), (
            number
        )


def test_what_is_off_by_more_than_a_billionth_of_the_price_is_no_rounding() -> None:
    chance = Random(132)
    for _ in range(200):
        price = 10 ** chance.uniform(-3, 5)
        for off, is_rounding in (
            (0.9e-9, True),
            (1.2e-9, False),
            (chance.uniform(2e-9, 0.5), False),
        ):
            for bar in (
                [price, price * (1 - off), price / 2, price],
                [price, price * 2, price * (1 + off), price],
            ):
                if is_rounding:
                    assert load([bar]).done, bar
                else:
                    with pytest.raises(RefusedFile, match="is (below|above)"):
                        load([bar])


def test_bad_rows_are_refused_widened_or_dropped_with_their_count_and_first_places() -> None:
    chance = Random(14)
    for number in range(60):
        bars = sound(chance, 100)
        places = sorted(chance.sample(range(100), chance.choice((1, 2, 30))))
        for place in places:
            opened, high, low, close = bars[place]
            top, bottom = max(opened, close), min(opened, close)
            bars[place] = chance.choice([
                [opened, round(top - 0.05, 2), min(low, round(top - 0.05, 2)), close],
                [opened, max(high, round(bottom + 0.05, 2)), round(bottom + 0.05, 2), close],
                [opened, low / 2, high * 2, close],
            ])  # fmt: skip
        lines = [place + 2 for place in places]
        line_list = ", ".join(map(str, lines[:5])) + (
            f" and {len(lines) - 5} more" if lines[5:] else ""
        )
        s = "s" if lines[1:] else ""

        with pytest.raises(RefusedFile) as fault:
            load(bars)
        widened, dropped = load(bars, bad_rows="widen"), load(bars, bad_rows="drop")

        assert f"line {lines[0]}: " in "\n".join(fault.value.findings)
        assert all("bad_rows=widen or bad_rows=drop" in each for each in fault.value.findings)
        assert widened.warnings == [
            f"High and Low widened to Open and Close in {len(lines)} row{s}: line{s} {line_list}"
        ], number
        assert dropped.warnings == [
            f"skipped rows whose High or Low contradicts their other prices: {len(lines)} row{s}: line{s} {line_list}"
        ], number
        columns = widened.bars.columns
        assert columns["High"].tolist() == [
            max(opened, high, close) for opened, high, _, close in bars
        ]
        assert columns["Low"].tolist() == [
            min(opened, low, close) for opened, _, low, close in bars
        ]
        left = [each for place, each in enumerate(bars) if place not in places]
        for column, values in zip(
            ("Open", "High", "Low", "Close"), zip(*left, strict=True), strict=True
        ):
            assert dropped.bars.columns[column].tolist() == [*values], (number, column)


def test_newest_first_bad_rows_are_named_by_their_lines() -> None:
    rows = [
        "2024-01-05,5,6,4,5,9",
        "2024-01-04,5,4,4,5,9",
        "2024-01-03,5,6,4,5,9",
        "2024-01-02,5,6,5.5,5,9",
    ]
    content = "\n".join([HEADER, *rows]).encode()

    widened = read_prices(content, Meaning(timeframe="1d", bad_rows="widen"))
    dropped = read_prices(content, Meaning(timeframe="1d", bad_rows="drop"))

    assert widened.warnings == ["High and Low widened to Open and Close in 2 rows: lines 3, 5"]
    assert widened.bars.columns["High"].tolist() == [6, 6, 5, 6]
    assert dropped.bars.dates() == ["2024-01-03", "2024-01-05"]


def test_a_file_of_bad_rows_alone_is_refused_whatever_is_requested() -> None:
    for bad_rows in ("refuse", "drop"):
        with pytest.raises(RefusedFile, match="High"):
            load([[5.0, 4.0, 3.0, 5.0]] * 3, bad_rows=bad_rows)


def test_bad_rows_do_not_hide_other_faults() -> None:
    for bad_rows in ("widen", "drop"):
        content = f"{HEADER}\n2024-01-02,5,4,3,5,9\n2024-01-03,5,6,4,5,9\n2024-01-03,5,6,4,5,9\n"
        with pytest.raises(RefusedFile, match="line 4: Date appears twice"):
            read_prices(content.encode(), Meaning(timeframe="1d", bad_rows=bad_rows))
