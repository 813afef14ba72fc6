"""Series that the name of a price file stands for."""

from random import Random

import pytest

from backtests.loading import NO_TICKER, no_ticker, series_of_name

NAMES = {
    "AAPL.csv": ("AAPL", "1d"),
    "aapl.CSV": ("AAPL", "1d"),
    "AAPL (1).csv": ("AAPL", "1d"),
    "^GSPC.csv": ("^GSPC", "1d"),
    "^GSPC.csv.gz": ("^GSPC", "1d"),
    "AAPL.xlsx": ("AAPL", "1d"),
    "AAPL_1h.csv.xz": ("AAPL", "1h"),
    "BTCUSDT.zip": ("BTCUSDT", "1d"),
    "EURUSD=X_5m.csv": ("EURUSD=X", "5m"),
    "BRK-B_1h.csv": ("BRK-B", "1h"),
    "0700.HK.csv": ("0700.HK", "1d"),
    "aapl.us.csv": ("AAPL", "1d"),
    "aapl.us.txt": ("AAPL", "1d"),
    "aapl_us_d.csv": ("AAPL", "1d"),
    "brk-b_us_h.csv": ("BRK-B", "1h"),
    "aapl_us_w.csv": ("AAPL", "1w"),
    "aapl_us_m.csv": ("AAPL", None),
    "NASDAQ_AAPL, 1D.csv": ("AAPL", "1d"),
    "NASDAQ_AAPL, 1D_5c3f7.csv": ("AAPL", "1d"),
    "BATS_BRK.B, 60.csv": ("BRK.B", "1h"),
    "NYSE_IBM, 5.csv": ("IBM", "5m"),
    "NYSE_IBM, 1W.csv": ("IBM", "1w"),
    "NYSE_IBM, 240.csv": ("IBM", "4h"),
    "CME_MINI_NQ, 1D.csv": ("NQ", "1d"),
    "M&M.NS.csv": ("", "1d"),
    "CME_MINI_ES1!, 1D.csv": ("", "1d"),
    "NYSE_IBM, 1M.csv": ("IBM", None),
    "daily_AAPL.csv": ("AAPL", "1d"),
    "daily_adjusted_IBM.csv": ("IBM", "1d"),
    "intraday_5min_IBM.csv": ("IBM", "5m"),
    "intraday_15min_IBM.csv": ("IBM", "15m"),
    "weekly_adjusted_IBM.csv": ("IBM", "1w"),
    "AAPL Historical Data.csv": ("AAPL", "1d"),
    "AAPL Historical Data (2).csv": ("AAPL", "1d"),
    "AAPL_15m.csv": ("AAPL", "15m"),
    "AAPL_2h.csv": ("AAPL", None),
    "data.csv": ("", "1d"),
    "download (3).csv": ("", "1d"),
    "HistoricalData_1700000000000.csv": ("", "1d"),
    "quotes of last week.csv": ("", "1d"),
    "../AAPL.csv": ("", "1d"),
    ".csv": ("", "1d"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_says_ticker_and_timeframe_or_nothing(name: str) -> None:
    assert series_of_name(name) == NAMES[name]


def test_a_name_with_a_character_that_no_ticker_has_says_which() -> None:
    chance = Random(18)
    for _ in range(300):
        ticker, odd = "".join(chance.choices("ABC019.^=-", k=5)), chance.choice("&!$%+@#é€ /_~'(")
        place = chance.randrange(6)
        named = ticker[:place] + odd + ticker[place:]
        for name in (f"{named}.csv", f"{named}.csv.gz", f"{named} (1).csv"):
            if series_of_name(name).ticker:  # as C_1D is C, daily
                continue
            says = f"is not a ticker: 1 to 15 of A-Z 0-9 . ^ = - are accepted, and it has {odd.upper()!r}"
            assert says in no_ticker(name), name

    assert no_ticker("CME_MINI_ES1!, 1D.csv").startswith("ES1! is not a ticker")
    assert no_ticker("NOTHINGBUTALONGNAME.csv").endswith(
        "it has 19 of them; rename the file, or add --ticker"
    )
    assert no_ticker("table.csv.gz") == no_ticker("data (2).csv") == NO_TICKER
