"""The charts, drawn from real prices: what stands on them, where, and that it can be read."""

import dataclasses
import io
import time
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from adapters.charts import frame
from adapters.charts.frame import legible_candles
from adapters.charts.render import CHARTS, TIP_DOWN, TIP_UP, render_charts
from adapters.prices.bars import PriceBars
from adapters.runs.series import RunBars, RunSeries
from contracts.run_result import CHART_NAMES
from tests.services.prices import read_prices

DATA = Path(__file__).resolve().parents[2] / "data"


def trade(
    bars: PriceBars, side: str, entry: int, exit_: int, is_open: bool = False
) -> dict[str, Any]:
    """A trade of 100 shares, without costs, at the closes of two bars, as it is stored."""
    close = bars.columns["Close"]
    gain = (close[exit_] / close[entry] - 1) * (100 if side == "BUY" else -100)
    return {
        "side": side,
        "size": 100.0,
        "entry_fees": 0.0,
        "exit_fees": 0.0,
        "exit_reason": "signal",
        "entry_bar": entry,
        "entry_price": float(close[entry]),
        "exit_bar": exit_,
        "exit_price": float(close[exit_]),
        "pnl_pct": round(float(gain), 4),
        "is_open": is_open,
    }


def chart_data(
    ticker: str, start: date, end: date, *spans: tuple[str, int, int, bool]
) -> RunBars:
    """Half in at the first bar of a range, and these trades: (side, bar of entry, bar of exit, still open)."""
    bars = read_prices(DATA, ticker, "1d", start, end).traded
    closes = bars.columns["Close"]
    holding = 100_000 * closes / closes[0]
    request = {"ticker": ticker, "rule_id": "RSI_14_30_70", "initial_capital": 100_000.0}
    trades = [trade(bars, *span) for span in spans]
    run = RunSeries(request, bars.times, (holding + 100_000) / 2, trades, [], [])
    return RunBars(run, bars, {"equity": run.equity, "holding": holding})


def changed(data: RunBars, bars: PriceBars | None = None, **of_run: Any) -> RunBars:
    """The same run with other bars, or with another equity, other trades or another request."""
    run = dataclasses.replace(data.run, **of_run)
    columns = {**data.columns, "equity": run.equity}
    return dataclasses.replace(data, run=run, bars=bars or data.bars, columns=columns)


def bars_of(data: RunBars, chosen: np.ndarray | slice) -> RunBars:
    """The same run with other bars and without trades."""
    columns = {name: column[chosen] for name, column in data.columns.items()}
    run = dataclasses.replace(data.run, equity=columns["equity"], trades=[])
    return RunBars(run, data.bars[chosen], columns)


def constant(data: RunBars) -> RunBars:
    """Prices that never move, no volume, no trades."""
    money = np.full(len(data.bars), 1e5)
    bars = dataclasses.replace(
        at_prices(data.bars, np.full(len(data.bars), 5.0)), volume=data.bars.volume * 0
    )
    still = changed(data, bars, equity=money, trades=[])
    return dataclasses.replace(still, columns={"equity": money, "holding": money})


def at_prices(bars: PriceBars, closes: np.ndarray) -> PriceBars:
    """The same bars, each with one price."""
    scaled = np.rint(closes * 10**bars.price_decimals).astype(np.int64)
    return dataclasses.replace(bars, prices=(scaled,) * 4)


def intraday(data: RunBars, bars_per_day: int = 78) -> RunBars:
    """The same numbers as five-minute bars of sessions that begin at 14:30."""
    days, bars = np.divmod(np.arange(len(data.bars)), bars_per_day)
    times = (
        np.datetime64("2024-01-02T14:30:00", "s").astype(np.int64) + days * 86_400 + bars * 300
    )
    return changed(data, dataclasses.replace(data.bars, times=times))


def drawn(name: str, data: RunBars) -> Figure:
    """A chart as it is before it becomes pixels."""
    with matplotlib.rc_context(frame.STYLE):
        figure = CHARTS[name](data)
        FigureCanvasAgg(figure).draw()
    return figure


def marks(figure: Figure, label: str) -> list[tuple[float, float]]:
    """Points of the line or marks with this label in the legend."""
    (line_found,) = (line for line in figure.axes[0].lines if line.get_label() == label)
    return [tuple(point) for point in line_found.get_xydata().tolist()]


def words(figure: Figure) -> dict[str, Text]:
    """Everything that is written on a chart; ticks beyond the limits are not."""
    texts = [*figure.texts, *figure.legends[0].get_texts()]
    for axes in figure.axes:
        texts += axes.texts
        for axis in (axes.xaxis, axes.yaxis):
            low, high = axis.get_view_interval()
            inside = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [
                label
                for tick in inside
                for label in (tick.label1, tick.label2)
                if label.get_visible()
            ]
    return {text.get_text(): text for text in texts if text.get_text()}


LONG = chart_data(
    "AAPL",
    date(2000, 3, 1),
    date(2013, 3, 1),
    ("BUY", 10, 400, False),
    ("SELL", 500, 600, False),
    ("BUY", 3000, 3269, True),
)
SHORT = chart_data(
    "FB", date(2012, 5, 18), date(2013, 3, 1), ("BUY", 30, 60, False), ("SELL", 90, 120, False)
)
NO_TRADES = changed(SHORT, trades=[], equity=np.full(196, 100_000.0))
CASES = {
    "thirteen years": LONG,
    "ten months": SHORT,
    "no trades": NO_TRADES,
    "one bar": bars_of(SHORT, slice(1)),
    "four bars": bars_of(SHORT, slice(4)),
    "nothing moves": constant(SHORT),
    "five minutes": intraday(LONG),
    "three sessions": intraday(SHORT),
    "ruined": changed(SHORT, equity=np.linspace(100_000, -50_000, 196)),
    "long name": changed(LONG, request=LONG.run.request | {"rule_id": "COMPOSITE_" * 7}),
    "a trillion": changed(
        SHORT,
        equity=SHORT.run.equity * 1e7,
        request=SHORT.run.request | {"initial_capital": 1e12},
    ),
}


def test_there_is_one_small_picture_per_chart_of_the_contract_and_its_bytes_depend_on_the_data_alone():
    pictures = render_charts(LONG)

    assert tuple(pictures) == CHART_NAMES
    for png in pictures.values():
        picture = Image.open(io.BytesIO(png))
        assert (picture.format, picture.size, picture.mode) == ("PNG", (1600, 640), "P")
        assert len(png) < 32_000
    others = render_charts(changed(LONG, equity=LONG.run.equity * 1.1))
    differing = [name for name in CHART_NAMES if others[name] != pictures[name]]
    assert differing == ["equity_curve", "cumulative_return"]


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were():
    before = dict(matplotlib.rcParams)

    render_charts(bars_of(SHORT, slice(4)))

    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("case", CASES)
def test_all_words_are_inside_the_picture_large_enough_and_apart_and_say_if_there_are_no_trades(
    case,
):
    for name in CHART_NAMES:
        figure = drawn(name, CASES[case])
        texts = words(figure)
        boxes = {word: text.get_window_extent() for word, text in texts.items()}

        for word, box in boxes.items():
            assert texts[word].get_fontsize() >= 9
            assert (
                box.x0 >= 0
                and box.y0 >= 0
                and box.x1 <= frame.WIDTH_PX
                and box.y1 <= frame.HEIGHT_PX
            ), (name, word)
        small = [(word, box.shrunk(0.98, 0.6)) for word, box in boxes.items()]
        pairs = [(one, other) for at, one in enumerate(small) for other in small[:at]]
        covered = [(one, other) for (one, box), (other, its) in pairs if box.overlaps(its)]
        assert not covered, name
        assert any("no trades" in word for word in texts) is (not CASES[case].run.trades), name


def test_orders_stand_at_their_bar_and_price_and_an_open_trade_has_no_exit():
    figure = drawn("portfolio_orders", LONG)

    assert marks(figure, "buy") == [
        (bar, LONG.bars.columns["Close"][bar]) for bar in (10, 3000, 600)
    ]
    assert marks(figure, "sell") == [(bar, LONG.bars.columns["Close"][bar]) for bar in (500, 400)]
    assert "Orders: 3 bought, 2 sold" in words(figure)
    shapes = {line.get_label(): line.get_marker() for line in figure.axes[0].lines}
    assert (shapes["buy"], shapes["sell"]) == (TIP_UP, TIP_DOWN)


def test_an_order_at_the_close_of_a_bar_within_the_day_stands_at_that_bar_not_at_the_next():
    data = intraday(SHORT)
    figure = drawn("candlestick", data)

    assert marks(figure, "buy") == [(bar, data.bars.columns["Low"][bar]) for bar in (30, 120)]
    assert marks(figure, "sell") == [(bar, data.bars.columns["High"][bar]) for bar in (60, 90)]


def test_trades_stand_at_their_exit_and_return_and_wins_are_those_of_trades_that_have_ended():
    figure = drawn("trade_pnl", LONG)
    first, second, third = (row["pnl_pct"] for row in LONG.run.trades)

    assert sorted(marks(figure, "won") + marks(figure, "lost")) == [(400, first), (600, second)]
    assert marks(figure, "still open") == [(3269, third)]
    assert f"Trade P&L: 1 of 2 closed won, average {(first + second) / 2:+.2f}%" in words(figure)
    assert {y for _, y in marks(figure, "average")} == {(first + second) / 2}

    only_open = changed(LONG, trades=LONG.run.trades[2:])
    assert f"Trade P&L: the only trade is still open, at {third:+.2f}%" in words(
        drawn("trade_pnl", only_open)
    )


def test_drawdown_is_drawn_downwards_from_the_initial_capital_and_names_its_deepest_day():
    def drawdown(*equity: float) -> Figure:
        data = bars_of(SHORT, slice(len(equity)))
        return drawn(
            "drawdown_curve",
            changed(data, equity=np.array(equity), trades=SHORT.run.trades[:1]),
        )

    figure = drawdown(100_000, 120_000, 90_000, 96_000, 130_000)

    assert marks(figure, "below the highest equity so far") == [
        (0, 0),
        (1, 0),
        (2, -25),
        (3, -20),
        (4, 0),
    ]
    assert marks(figure, "deepest") == [(2, -25)]
    assert "Drawdown: deepest 25.0% on 2012-05-22" in words(figure)
    assert "Drawdown: deepest 30.0% on 2012-05-22" in words(drawdown(80_000, 90_000, 70_000))
    assert "Drawdown: none" in words(drawdown(100_000, 110_000))


def test_equity_and_return_state_the_values_of_the_last_bar():
    data = changed(SHORT, equity=SHORT.run.equity * 1.25 / SHORT.run.equity[-1] * 100_000)
    holding_pct = (SHORT.columns["holding"][-1] / 100_000 - 1) * 100

    equity, returned = drawn("equity_curve", data), drawn("cumulative_return", data)

    assert {"Equity: 100,000 → 125,000 (+25.0%)", "125,000"} <= words(equity).keys()
    assert {
        f"Cumulative return: {25 - holding_pct:.1f} points ahead of buy and hold",
        "+25.0%",
    } <= words(returned).keys()
    assert marks(equity, "buy and hold")[-1] == (195, SHORT.columns["holding"][-1])


def test_positive_values_whose_highest_is_eight_times_the_lowest_stand_on_a_log_scale_that_is_named():
    def scale(lowest: float, highest: float) -> tuple[str, bool]:
        bars = at_prices(NO_TRADES.bars, np.linspace(lowest, highest, 196))
        data = changed(NO_TRADES, bars)
        figure = drawn("portfolio_orders", data)
        return figure.axes[0].get_yscale(), any("log scale" in word for word in words(figure))

    assert scale(10, 79.9) == ("linear", False)
    assert scale(10, 80) == ("log", True)
    assert drawn("equity_curve", CASES["ruined"]).axes[0].get_yscale() == "linear"


def test_dates_stand_at_their_bars_without_nights_and_weekends():
    def ticks(data: RunBars) -> dict[str, float]:
        axes = drawn("equity_curve", data).axes[0]
        return {
            label.get_text(): at
            for label, at in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
        }

    assert list(ticks(LONG)) == [str(year) for year in range(2001, 2014)]
    assert ticks(LONG)["2001"] == 212
    assert (
        ticks(SHORT)["2013"]
        == np.flatnonzero(SHORT.bars.timestamps >= np.datetime64("2013-01-01"))[0]
    )
    assert ticks(intraday(SHORT))["03 Jan"] == 78
    assert ticks(CASES["four bars"]) == {"18 May": 0, "21 May": 1, "22 May": 2, "23 May": 3}
    assert ticks(CASES["one bar"]) == {"18 May": 0}
    hourly = np.concatenate(
        [day + np.arange(14, 21) * np.timedelta64(3600, "s") for day in SHORT.bars.timestamps[:8]]
    )
    week = bars_of(SHORT, slice(56))
    week = changed(week, dataclasses.replace(week.bars, times=hourly.astype(np.int64)))
    days = {
        label: hourly[int(at)].item().strftime("%d %b")
        for label, at in ticks(week).items()
        if ":" not in label
    }
    assert days and all(label == day for label, day in days.items())


def test_few_bars_are_their_own_candles_hollow_when_rising_over_their_volume():
    figure = drawn("candlestick", SHORT)
    prices, volume = figure.axes

    rising = [bar.get_facecolor() == (1, 1, 1, 1) for bar in prices.patches]
    assert (len(rising), sum(rising)) == (
        196,
        (SHORT.bars.columns["Close"] >= SHORT.bars.columns["Open"]).sum(),
    )
    assert [bar.get_height() for bar in volume.patches] == SHORT.bars.columns["Volume"].tolist()
    assert "Candles, one per bar: 2 bought, 2 sold" in words(figure)
    # no volume, no space for it
    assert len(drawn("candlestick", CASES["nothing moves"]).axes) == 1


def test_many_bars_become_candles_of_a_period_that_is_named_with_marks_outside():
    candles, starts, _ = legible_candles(LONG.bars)
    opens, highs, lows, closes, volumes = LONG.bars.columns.values()
    march = LONG.bars.timestamps.astype("M8[M]") == np.datetime64("2008-03")
    at = int(np.searchsorted(starts, np.flatnonzero(march)[0]))

    whole = [column[at] for column in candles.columns.values()]
    highest, lowest = highs[march].max(), lows[march].min()
    assert whole == [opens[march][0], highest, lowest, closes[march][-1], volumes[march].sum()]
    figure = drawn("candlestick", LONG)
    assert "Candles, 157 monthly: 3 bought, 2 sold" in words(figure)
    for label, outside in (("buy", candles.columns["Low"]), ("sell", candles.columns["High"])):
        assert all(y == outside[int(x)] for x, y in marks(figure, label))
    assert candles.timestamps[int(marks(figure, "buy")[0][0])].astype(
        "M8[M]"
    ) == LONG.bars.timestamps[10].astype("M8[M]")


def test_weeks_begin_on_monday():
    years = LONG.bars.timestamps.astype("M8[Y]").astype(int) + 1970
    two_years = bars_of(LONG, (years >= 2010) & (years < 2012))

    candles, _, period = legible_candles(two_years.bars)

    assert period == "weekly"
    second, third = candles.timestamps.astype("M8[D]")[1:3].tolist()
    assert (second, third) == (date(2010, 1, 11), date(2010, 1, 19))  # the 18th: closed


def test_a_million_bars_keep_their_extremes_and_take_a_moment():
    many = intraday(bars_of(LONG, np.arange(1_000_000) % 3270))
    many.run.equity[[123_456, 400_001]] = 9e6, 1.0
    started = time.process_time()

    figure = drawn("equity_curve", many)

    curve = marks(figure, "strategy")
    assert len(curve) < 5_000
    assert [abs(x - at) < 700 and y for x, y in (max(curve, key=lambda p: p[1]), min(curve, key=lambda p: p[1]))
            for at in (123_456, 400_001) if abs(x - at) < 700] == [9e6, 1.0]  # fmt: skip
    render_charts(many)
    assert time.process_time() - started < 20


@pytest.mark.parametrize("name", ["TEXT", "MUTED", "UP", "DOWN"])
def test_words_and_marks_stand_out_from_the_paper(name):
    channels = np.array(matplotlib.colors.to_rgb(getattr(frame, name)))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)

    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5  # WCAG 2.2


def test_numbers_have_six_digits_at_most():
    numbers = (137_675.0, 1_250_000.0, 0.0025, 2.5, 11_512_600_000.0, 1e12, -0.5)

    assert [frame.number(each) for each in numbers] == [
        "137,675",
        "1.25M",
        "0.0025",
        "2.5",
        "11.5126B",
        "1T",
        "-0.5",
    ]


@pytest.mark.parametrize("bars", [500, 20_000])
def test_a_line_that_begins_late_and_ends_early_has_all_its_values(bars):
    for seed in range(30):
        first, last = sorted(np.random.default_rng(seed).integers(0, bars, 2).tolist())
        values = np.full(bars, np.nan)
        values[first : last + 1] = np.arange(first, last + 1)
        _, axes = frame.chart(bars)

        _, drawn = frame.line(axes, values, "black", "held")

        assert (np.nanmin(drawn), np.nanmax(drawn)) == (first, last), seed
