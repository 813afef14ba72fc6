"""Further columns, coarser timeframes, sessions and other tickers: against pandas, by hand, and without look-ahead."""

import random

import numpy as np
import pytest

from rules.catalog import check_params, checked_rule
from rules.explanation import Explanation
from rules.formula.evaluation import series_of, values_of
from rules.formula.graph import Market
from rules.language import doubts
from rules.prices import Prices
from tests.rules.formulas import Writer, formula
from tests.rules.loops import naming

pandas = pytest.importorskip("pandas")

NEW_YORK, TOKYO = "America/New_York", "Asia/Tokyo"
MARKET = Market(columns=("score", "mood"), others=lambda ticker: ("score",))
PRICES = ("Open", "High", "Low", "Close", "Volume")


def columns_at(times, rng):
    """Random bars at these times, with two further columns that are blank on some of them."""
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.02, times.size))
    opened = close * (1.0 + rng.normal(0.0, 0.01, times.size))
    high = np.maximum(opened, close) * (1.0 + 0.01 * rng.random(times.size))
    low = np.minimum(opened, close) * (1.0 - 0.01 * rng.random(times.size))
    volume = np.floor(rng.random(times.size) * 1e4)
    score = np.where(rng.random(times.size) < 0.3, np.nan, rng.random(times.size))
    columns = dict(zip(PRICES, (opened, high, low, close, volume), strict=True))
    return columns | {"Time": times, "score": score, "mood": np.roll(score, 3)}


def days_with_holes(rng, bars=400, start="2003-01-01"):
    """Trading days of which some are missing, at times a week and a month."""
    days = np.arange(np.datetime64(start), np.datetime64(start) + 2 * bars)
    open_days = days[np.is_busday(days)][:bars]
    kept = rng.random(open_days.size) > 0.1
    for length in (6, 25):
        first = rng.integers(0, open_days.size - length)
        kept[first : first + length] = False
    return open_days[kept].astype("M8[s]")


def minutes_with_holes(rng, days=20, step="5m", zone=NEW_YORK):
    """Bars of the New York session around a change of clocks, of which some are missing."""
    index = pandas.date_range("2024-02-26", periods=days, freq="B", tz=zone)
    length = pandas.Timedelta(step.replace("m", "min"))
    opens = [day + pandas.Timedelta("9h30min") for day in index]
    bars = [
        one
        for each in opens
        for one in pandas.date_range(
            each, periods=int(23_400 / length.total_seconds()), freq=length
        )
    ]
    times = pandas.DatetimeIndex(bars).tz_convert("UTC").tz_localize(None).to_numpy("M8[s]")
    return times[rng.random(times.size) > 0.15]


def frame_of(columns, zone=None):
    """The columns as a DataFrame by the exchange's clock."""
    index = pandas.DatetimeIndex(columns["Time"])
    if zone:
        index = index.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return pandas.DataFrame({name: columns[name] for name in columns if name != "Time"}, index)


def evaluated(text, prices, market=MARKET):
    """The number of a text on each bar."""
    rule = formula(f"x = {text}\nx > 0", market=market)
    node = next(node for node, name in rule.formula.names.items() if name == "x")
    return values_of(rule.formula, prices, [node])[node]


def test_another_tickers_value_is_that_of_merge_asof():
    for seed in range(300):
        rng = np.random.default_rng(seed)
        mine = columns_at(days_with_holes(rng, 120), rng)
        late = np.datetime64("2003-01-01") + int(rng.integers(-60, 60))
        theirs = columns_at(days_with_holes(rng, 100, str(late)), rng)
        days = int(rng.choice([1, 3, 7, 30]))
        prices = Prices(mine, others={"KO": Prices(theirs)})
        name = str(rng.choice(["close", "score", "close / open"]))

        got = evaluated(f'of("KO", {name}, {days})', prices)

        right = frame_of(theirs).assign(close=theirs["Close"], open=theirs["Open"])
        right["value"] = right.eval(name)
        merged = pandas.merge_asof(
            pandas.DataFrame(index=frame_of(mine).index),
            right[["value"]],
            left_index=True,
            right_index=True,
            tolerance=pandas.Timedelta(days=days),
        )
        with naming(seed=seed, name=name, days=days):
            np.testing.assert_array_equal(got, merged["value"].to_numpy())


def test_a_further_column_is_read_as_it_is_and_blanks_are_unknown():
    rng = np.random.default_rng(1)
    columns = columns_at(days_with_holes(rng), rng)
    prices = Prices(columns)

    np.testing.assert_array_equal(evaluated("score", prices), columns["score"])
    has_value = ~np.isnan(columns["score"])
    mean = pandas.Series(columns["score"][has_value]).rolling(3).mean().to_numpy()
    np.testing.assert_allclose(
        evaluated("sma(score, 3)", prices)[has_value], mean, rtol=0, atol=1e-9
    )
    assert np.isnan(evaluated("sma(score, 3)", prices)[~has_value]).all()
    signals = formula("score > 0.5", "not score > 0.5", market=MARKET).generate_signals(prices)
    np.testing.assert_array_equal(signals == 0, ~has_value)


RESAMPLED = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"}


def closed_value(frame, period, following, compute):
    """The value of the last row after `frame`, which is dropped until it has closed."""
    rows = frame.groupby(period(frame.index)).agg(RESAMPLED | {"score": "last"})
    is_closed = period(pandas.DatetimeIndex([following]))[0] != rows.index[-1]
    rows = rows if is_closed else rows[:-1]
    return compute(rows).iloc[-1] if len(rows) else np.nan


@pytest.mark.parametrize("timeframe", ["1w", "1mo"])
def test_weeks_and_months_are_those_of_resample_without_the_one_that_is_forming(timeframe):
    frequency = {"1w": "W-SUN", "1mo": "M"}[timeframe]
    expressions = {
        "close": lambda rows: rows["Close"],
        "high - low + open": lambda rows: rows["High"] - rows["Low"] + rows["Open"],
        "sma(close, 4)": lambda rows: rows["Close"].rolling(4).mean(),
        "volume": lambda rows: rows["Volume"],
        "score": lambda rows: rows["score"],
    }
    for seed in range(3):
        rng = np.random.default_rng(seed)
        columns = columns_at(days_with_holes(rng, 260), rng)
        frame, prices = frame_of(columns), Prices(columns)
        for text, compute in expressions.items():
            got = evaluated(f'on("{timeframe}", {text})', prices)
            expected = [
                closed_value(
                    frame[: bar + 1],
                    lambda index: index.to_period(frequency),
                    frame.index[bar] + pandas.Timedelta(days=1),
                    compute,
                )
                for bar in range(0, len(frame), 3)
            ]
            with naming(seed=seed, text=text):
                np.testing.assert_allclose(got[::3], expected, rtol=0, atol=1e-9)
                assert np.isfinite(got).any() and np.isnan(got[0])


@pytest.mark.parametrize("timeframe", ["15m", "1h", "1d", "1w"])
def test_hours_and_days_are_those_of_the_exchanges_clock(timeframe):
    frequency = {"15m": "15min", "1h": "h", "1d": "D"}.get(timeframe)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        columns = columns_at(minutes_with_holes(rng, 15), rng)
        frame, prices = frame_of(columns, NEW_YORK), Prices(columns, "5m", NEW_YORK)

        got = evaluated(f'on("{timeframe}", sma(close, 2) + high)', prices)

        expected = [
            closed_value(
                frame[max(0, bar - 900) : bar + 1],
                lambda index: index.floor(frequency) if frequency else index.to_period("W-SUN"),
                frame.index[bar] + pandas.Timedelta(minutes=5),
                lambda rows: rows["Close"].rolling(2).mean() + rows["High"],
            )
            for bar in range(0, len(frame), 11)
        ]
        with naming(seed=seed):
            np.testing.assert_allclose(got[::11], expected, rtol=0, atol=1e-9)


def test_a_session_is_a_date_of_the_exchange():
    rng = np.random.default_rng(3)
    columns = columns_at(minutes_with_holes(rng), rng)
    frame, prices = frame_of(columns, NEW_YORK), Prices(columns, "5m", NEW_YORK)
    by_date = frame.groupby(frame.index.date)
    typical = (frame["High"] + frame["Low"] + frame["Close"]) / 3 * frame["Volume"]
    count = by_date.cumcount() + 1
    opening = frame["High"].where(count <= 6).groupby(frame.index.date)
    expected = {
        "minute_of_day": frame.index.hour * 60 + frame.index.minute,
        "day_of_week": frame.index.day_of_week + 1,
        "bars_today": count,
        "session_open": by_date["Open"].transform("first"),
        "today(highest, high)": by_date["High"].cummax(),
        "today(lowest, low)": by_date["Low"].cummin(),
        "today(sum, volume)": by_date["Volume"].cumsum(),
        "today(highest, high, 6)": opening.cummax().groupby(frame.index.date).ffill(),
        "vwap_today()": typical.groupby(frame.index.date).cumsum() / by_date["Volume"].cumsum(),
        "today(highest, score)": by_date["score"].cummax().groupby(frame.index.date).ffill(),
    }

    for text, values in expected.items():
        with naming(text=text):
            np.testing.assert_allclose(evaluated(text, prices), values, rtol=0, atol=1e-9)


def test_daily_bars_have_no_session_and_a_rule_that_reads_one_gets_a_warning():
    buy, sell = "minute_of_day > 600 and close > today(highest, high, 6)", "day_of_week == 5"

    daily, intraday = (
        [
            *doubts(
                checked_rule("FORMULA", {"buy": buy, "sell": sell}, timeframe).formula, timeframe
            )
        ]
        for timeframe in ("1d", "5m")
    )

    assert daily == ["minute_of_day, today: 1d bars have no session; load bars within a day"]
    assert intraday == []


def test_the_date_of_an_exchange_may_differ_from_that_of_utc():
    times = np.array(["2024-03-04T23:30", "2024-03-05T00:30", "2024-03-05T15:30"], "M8[s]")
    columns = columns_at(times, np.random.default_rng(1))

    tokyo, utc = Prices(columns, "1h", TOKYO), Prices(columns, "1h")

    assert evaluated("day_of_month", tokyo).tolist() == [5, 5, 6]
    assert evaluated("day_of_month", utc).tolist() == [4, 5, 5]
    assert evaluated("minute_of_day", tokyo).tolist() == [510, 570, 30]


@pytest.mark.parametrize(
    ("mine", "theirs", "days_before"),
    [
        (NEW_YORK, NEW_YORK, 0),
        (NEW_YORK, TOKYO, 0),
        (NEW_YORK, "", 0),
        (NEW_YORK, "UTC", 1),  # a day in UTC closes after New York's session
        (TOKYO, NEW_YORK, 1),  # New York has not opened when Tokyo closes
        ("Europe/London", NEW_YORK, 1),
        ("UTC", NEW_YORK, 0),
    ],
)
def test_a_day_of_another_exchange_counts_once_it_has_closed_there(mine, theirs, days_before):
    rng = np.random.default_rng(1)
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2025-01-01")).astype("M8[s]")
    other = columns_at(days, rng)
    prices = Prices(columns_at(days, rng), zone=mine, others={"X": Prices(other, zone=theirs)})

    got = evaluated('of("X", close)', prices)

    np.testing.assert_array_equal(got[days_before:], other["Close"][: days.size - days_before])


def test_other_bars_may_be_nested_both_ways():
    rng = np.random.default_rng(4)
    mine, theirs = (columns_at(days_with_holes(rng), rng) for _ in range(2))
    prices = Prices(mine, others={"KO": Prices(theirs)})

    weekly = evaluated('of("KO", on("1w", close))', prices)
    ratio = evaluated('on("1w", close / of("KO", close, 90))', prices)

    weeks = evaluated('on("1w", close)', Prices(theirs))  # as a column of its own days
    seen = Prices(mine, others={"KO": Prices(theirs | {"score": weeks})})
    np.testing.assert_array_equal(weekly, evaluated('of("KO", score)', seen))
    daily = mine["Close"] / evaluated('of("KO", close, 90)', prices)
    seen = evaluated('on("1w", score)', Prices(mine | {"score": daily}))
    np.testing.assert_array_equal(ratio, seen)


def test_a_name_stands_for_its_expression_on_the_bars_of_its_place():
    rng = np.random.default_rng(5)
    mine, theirs = (columns_at(days_with_holes(rng), rng) for _ in range(2))
    prices = Prices(mine, others={"KO": Prices(theirs)})
    named = formula(
        'trend = sma(close, n)\non("1w", trend) < trend',
        'of("KO", trend) > close',
        n=3,
    )
    written = formula(
        'on("1w", sma(close, 3)) < sma(close, 3)', 'of("KO", sma(close, 3)) > close'
    )

    np.testing.assert_array_equal(
        named.generate_signals(prices), written.generate_signals(prices)
    )


STATISTICS = {
    "zscore(close, 9)": lambda frame: (
        (frame["Close"] - frame["Close"].rolling(9).mean())
        / frame["Close"].rolling(9).std(ddof=0)
    ),
    "percentile_rank(close, 9)": lambda frame: (
        frame["Close"].rolling(9).rank(method="max", pct=True) * 100
    ),
    "correlation(close, volume, 9)": lambda frame: (
        frame["Close"].rolling(9).corr(frame["Volume"])
    ),
    "slope(close, 9)": lambda frame: (
        frame["Close"]
        .rolling(9)
        .apply(lambda values: np.polyfit(np.arange(9), values, 1)[0], raw=True)
    ),
}


@pytest.mark.parametrize("text", STATISTICS)
def test_statistics_are_those_of_pandas(text):
    rng = np.random.default_rng(6)
    columns = columns_at(days_with_holes(rng), rng)

    got = evaluated(text, Prices(columns))

    np.testing.assert_allclose(got, STATISTICS[text](frame_of(columns)), rtol=0, atol=1e-9)


def test_statistics_of_a_flat_window_have_no_value_or_are_plain():
    flat = columns_at(days_with_holes(np.random.default_rng(7)), np.random.default_rng(7))
    flat = Prices(flat | {"Close": np.full(flat["Close"].size, 0.1)})

    assert np.isnan(evaluated("zscore(close, 9)", flat)).all()
    assert np.isnan(evaluated("correlation(close, volume, 9)", flat)).all()
    assert set(evaluated("slope(close, 9)", flat)[8:]) == {0.0}
    assert set(evaluated("percentile_rank(close, 9)", flat)[8:]) == {100.0}


def intraday(rng):
    """Bars within days with another ticker, and a function that cuts both at a bar's close."""
    mine = columns_at(minutes_with_holes(rng, 9), rng)
    theirs = columns_at(minutes_with_holes(rng, 7), rng)
    return mine, theirs, lambda times, last: times <= last


def daily(rng):
    """Days of New York with another ticker of Tokyo, which has closed on the same date."""
    mine = columns_at(days_with_holes(rng, 300), rng)
    theirs = columns_at(days_with_holes(rng, 250, "2003-04-01"), rng)
    return mine, theirs, lambda times, last: times <= last


@pytest.mark.parametrize(
    ("case", "timeframe", "zones", "timeframes"),
    [
        (intraday, "5m", (NEW_YORK, NEW_YORK), ("15m", "1h", "1d")),
        (daily, "1d", (NEW_YORK, TOKYO), ("1w", "1mo")),
    ],
)
def test_a_later_bar_of_no_series_changes_an_earlier_signal(case, timeframe, zones, timeframes):
    """50 formulas with all of it, 20 cuts each, on bars within days and on days."""
    draw, rng = random.Random(11), np.random.default_rng(11)
    writer = Writer(draw, MARKET.columns[:1], ("KO", "PEP"), timeframes)
    mine, theirs, is_known = case(rng)
    market, signalled, named = Market(timeframe, ("score",), lambda ticker: ("score",)), 0, 0

    def cut(bars):
        last = mine["Time"][bars - 1]
        kept = is_known(theirs["Time"], last)
        others = {
            name: Prices({each: theirs[each][kept] for each in theirs}, timeframe, zones[1])
            for name in ("KO", "PEP")
        }
        until = {name: column[:bars] for name, column in mine.items()}
        return Prices(until, timeframe, zones[0], others)

    whole = mine["Time"].size
    for _ in range(50):
        buy, sell = writer.condition(4), writer.condition(4)
        rule = formula(buy, sell, market)
        complete = rule.generate_signals(cut(whole))
        signalled += bool(np.count_nonzero(complete))
        named += "on(" in buy + sell or "of(" in buy + sell
        for bars in sorted(draw.sample(range(1, whole), 20)):
            with naming(buy=buy, sell=sell, bars=bars):
                early = rule.generate_signals(cut(bars))
                np.testing.assert_array_equal(early, complete[:bars])

    assert signalled > 20 and named > 25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scroe > 1", "`scroe` has no value: set it as an input; "
         "the further columns of the ticker are score, mood; did you mean `score`?"),
        ('of("KO", mood) > 1', "column 10: `mood` has no value: set it as an input"),
        ('of("XXX", close) > 1', "column 4: no such prices"),
        ('on("5m", close) > 1', "column 4: `5m` is not coarser than the 1d bars of this run"),
        ('on("1w", on("1d", close)) > 1', '`"1d"` is not coarser than 1w, whose bars it is on'),
        ('on("2w", close) > 1', '`"2w"` is no timeframe: must be one of 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo'),
        ("on(close, close) > 1", '`close` is not quoted: on(timeframe, x), such as "1w"'),
        ('on("1w", 3) > 1', "`3` is the same on every bar; on needs a series"),
        ('of("KO", close, 0) > 1', "`0` days are not above 0"),
        ('of("KO", close, close) > 1', "`close` changes from bar to bar"),
        ('close > "KO"', '`"KO"` is quoted, as only the first argument of on and of is'),
        ("today(sma, close) > 1", "`sma` is not one of: highest, lowest, sum"),
        ('of("KO", rsi(close)) and close > 1', '`of("KO", rsi(close))` is a number; `and` needs conditions'),
        ('x = score\nof("PEP", x + mood) > 1', "line 2, column 15: `mood` has no value"),
    ],
)  # fmt: skip
def test_a_fault_of_another_series_says_where_it_is_and_what_there_is(text, message):
    def others(ticker):
        if ticker == "XXX":
            raise LookupError("no such prices")
        return ("score",)

    market = Market("1d", ("score", "mood"), others)
    fault = check_params("FORMULA", {"buy": text, "sell": "close > 1"}, market)["params.buy"]

    assert message in fault


def test_lookback_and_warm_up_count_the_bars_of_the_run():
    daily = formula('on("1w", sma(close, 20)) < close').formula.buy
    minutes = formula('on("1d", sma(close, 5)) < close', market=Market("5m")).formula.buy
    other = formula('of("KO", ema(close, 20)) < close').formula.buy

    assert (daily.lookback, daily.warmup) == (19 * 5 + 1, 20 * 5)
    assert (minutes.lookback, minutes.warmup) == (4 * 78 + 1, 5 * 78)
    assert (other.lookback, other.warmup) == (0, 19 + 7 * 21)


def test_a_rule_names_the_other_tickers_that_it_reads():
    rule = formula('of("^GSPC", close > of("ko", close))', 'on("1w", of("KO", close)) > 1')

    assert rule.others() == ["KO", "^GSPC"]
    assert formula("close > 1").others() == []


def test_prices_that_a_rule_reads_must_be_given():
    prices = Prices(
        columns_at(days_with_holes(np.random.default_rng(1)), np.random.default_rng(1))
    )

    with pytest.raises(ValueError, match="the prices of KO are not given"):
        formula('of("KO", close) > 1').generate_signals(prices)
    with pytest.raises(ValueError, match="1h is not coarser than the 1d bars"):
        formula('on("1h", close) > 1').generate_signals(prices)
    with pytest.raises(ValueError, match="data has no column rank"):
        formula("rank > 1", market=Market(columns=["rank"])).generate_signals(prices)


def test_a_portfolios_series_may_name_them_too():
    rng = np.random.default_rng(8)
    prices = Prices(columns_at(days_with_holes(rng), rng))

    np.testing.assert_array_equal(
        series_of('on("1w", close)', prices), evaluated('on("1w", close)', prices)
    )


def test_the_lines_and_truths_of_other_bars_are_those_that_the_runs_bars_see():
    rng = np.random.default_rng(9)
    mine, theirs = (columns_at(days_with_holes(rng), rng) for _ in range(2))
    prices = Prices(mine, others={"KO": Prices(theirs)})
    rule = formula(
        'on("1w", sma(close, 5)) < close and of("KO", not becomes(close > 100)) and score > 0.2',
        "close < today(lowest, low) * 1.001",
        MARKET,
    )

    explained = Explanation(rule, prices)

    names = [line["name"] for line in explained.head["lines"]]
    assert names == [
        'on("1w", SMA(5))',
        "close",
        'of("KO", close)',
        "score",
        "today(lowest, low) * 1.001",
    ]
    assert [line["pane"] for line in explained.head["lines"]] == [
        "price", "price", "below", "below", "price",
    ]  # fmt: skip
    np.testing.assert_array_equal(
        explained.values[0], evaluated('on("1w", sma(close, 5))', prices)
    )
    np.testing.assert_array_equal(explained.values[2], evaluated('of("KO", close)', prices))
    buy, sell = (explained.truths[explained.head[side]["truth"]] > 0 for side in ("buy", "sell"))
    np.testing.assert_array_equal(
        rule.generate_signals(prices), buy.astype(np.int8) - sell.astype(np.int8)
    )
