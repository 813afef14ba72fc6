"""The six charts, drawn from real prices: what stands on them, where, and that it can be read."""

import dataclasses
import io
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from adapters.analysis.price_series import PriceSeries, read_prices
from adapters.charts.candles import legible_candles
from adapters.charts.canvas import HEIGHT_PX, WIDTH_PX, Canvas
from adapters.charts.data import ChartData
from adapters.charts.render import CHARTS, TIP_DOWN, TIP_UP, render_charts
from contracts.run_result import CHART_NAMES, TradeRow

Drawn = TypeVar("Drawn", bound=Artist)
DATA = Path(__file__).resolve().parents[2] / "data"


def trade(prices: PriceSeries, number: int, side: str, entry: int, exit_: int, is_open: bool = False) -> TradeRow:
    """A trade of 100 shares, without costs, at the closes of two bars."""
    times, close = prices.close_times(), prices["Close"]
    gain = (close[exit_] / close[entry] - 1) * (100 if side == "BUY" else -100)
    return {
        "trade_no": number,
        "side": side,
        "size": 100.0,
        "entry_timestamp": times[entry],
        "entry_price": float(close[entry]),
        "entry_fees": 0.0,
        "exit_timestamp": times[exit_],
        "exit_price": float(close[exit_]),
        "exit_fees": 0.0,
        "pnl_abs": float(gain * close[entry]),
        "pnl_pct": float(gain),
        "holding_period": 1.0,
        "exit_reason": "signal",
        "is_open": is_open,
    }


def chart_data(ticker: str, start: date, end: date, *spans: tuple[str, int, int, bool]) -> ChartData:
    """All in at the first bar of a range, and these trades: (side, bar of entry, bar of exit, still open)."""
    prices = read_prices(DATA, ticker, "1d", start, end).traded()
    held = 100_000 * prices["Close"] / prices["Close"][0]
    return ChartData(
        subject=f"{ticker} RSI_14_30_70",
        timestamps=prices.timestamps,
        open=prices["Open"],
        high=prices["High"],
        low=prices["Low"],
        close=prices["Close"],
        volume=prices["Volume"],
        equity=(held + 100_000) / 2,
        buy_hold_equity=held,
        initial_capital=100_000.0,
        trades=[trade(prices, number, *span) for number, span in enumerate(spans)],
        fill_bars=[(entry, left) for _, entry, left, _ in spans],
    )


def first_bars(data: ChartData, bars: int) -> ChartData:
    """The same run, shorter and without trades."""
    series = ("timestamps", "open", "high", "low", "close", "volume", "equity", "buy_hold_equity")
    cut = {name: getattr(data, name)[:bars] for name in series}
    return dataclasses.replace(data, trades=[], fill_bars=[], **cut)


def constant(data: ChartData) -> ChartData:
    """Prices that never move, no volume, no trades."""
    flat = np.full(len(data.close), 5.0)
    prices = dict.fromkeys(("open", "high", "low", "close"), flat)
    return dataclasses.replace(
        data, **prices, volume=flat * 0, equity=flat * 20_000, buy_hold_equity=flat * 20_000, trades=[], fill_bars=[]
    )


def intraday(data: ChartData) -> ChartData:
    """The same numbers as five-minute bars."""
    minutes = np.arange(len(data.close)) * np.timedelta64(300, "s")
    return dataclasses.replace(data, timestamps=np.datetime64("2024-01-02T14:30:00") + minutes)


def drawn(canvas: Canvas, kind: type[Drawn]) -> list[Drawn]:
    """Everything of one kind that stands on a canvas."""
    return [artist for artist in canvas.artists if isinstance(artist, kind)]


def lines(canvas: Canvas, marker: object) -> list[np.ndarray]:
    """Points (n, 2) of every line with this marker."""
    marked = (line for line in drawn(canvas, Line2D) if line.get_marker() == marker)
    return [line.get_xydata() for line in marked if len(line.get_xdata())]


def words(canvas: Canvas) -> list[str]:
    """Everything that is written on a canvas."""
    return [text.get_text() for text in drawn(canvas, Text)]


LONG = chart_data(
    "AAPL",
    date(2000, 3, 1),
    date(2013, 3, 1),
    ("BUY", 10, 400, False),
    ("SELL", 500, 600, False),
    ("BUY", 3000, 3269, True),
)
SHORT = chart_data("FB", date(2012, 5, 18), date(2013, 3, 1), ("BUY", 30, 60, False), ("SELL", 90, 120, False))
CASES = {
    "thirteen years": LONG,
    "ten months": SHORT,
    "no trades": dataclasses.replace(SHORT, trades=[], fill_bars=[], equity=np.full(196, 100_000.0)),
    "one bar": first_bars(SHORT, 1),
    "four bars": first_bars(SHORT, 4),
    "nothing moves": constant(SHORT),
    "five minutes": intraday(LONG),
    "ruined": dataclasses.replace(SHORT, equity=np.linspace(100_000, -50_000, 196)),
    "long name": dataclasses.replace(LONG, subject="AAPL " + "COMPOSITE_" * 7),
}


def test_there_is_one_picture_per_chart_of_the_contract():
    pictures = render_charts(LONG)

    assert tuple(pictures) == CHART_NAMES
    for png in pictures.values():
        picture = Image.open(io.BytesIO(png))
        assert (picture.format, picture.size) == ("PNG", (1600, 640))
        assert len(png) < 80_000


def test_pictures_of_equal_data_are_equal_and_of_other_data_are_not():
    changed = dataclasses.replace(SHORT, equity=SHORT.equity * 1.1)

    assert render_charts(SHORT) == render_charts(SHORT)
    assert render_charts(changed)["equity_curve"] != render_charts(SHORT)["equity_curve"]


@pytest.mark.parametrize("name", CHART_NAMES)
@pytest.mark.parametrize("case", CASES)
def test_all_words_are_inside_the_picture_and_large_enough(case, name):
    canvas = CHARTS[name](CASES[case])

    for text in drawn(canvas, Text):
        extent = canvas.extent(text)
        assert text.get_fontsize() >= 9
        assert extent.x0 >= 0 and extent.y0 >= 0 and extent.x1 <= WIDTH_PX and extent.y1 <= HEIGHT_PX, text.get_text()
    assert len(canvas.png()) > 5_000


@pytest.mark.parametrize("name", CHART_NAMES)
@pytest.mark.parametrize("case", CASES)
def test_no_two_words_cover_each_other(case, name):
    canvas = CHARTS[name](CASES[case])
    texts = [text for text in drawn(canvas, Text) if text.get_text() != "no trades"]

    boxes = [(text.get_text(), canvas.extent(text).shrunk(0.98, 0.6)) for text in texts]
    covered = [(one, other) for at, (one, box) in enumerate(boxes) for other, its in boxes[:at] if box.overlaps(its)]
    assert not covered


@pytest.mark.parametrize("name", CHART_NAMES)
@pytest.mark.parametrize("case", ["no trades", "one bar", "nothing moves"])
def test_a_run_without_trades_says_so_on_every_chart(case, name):
    assert "no trades" in " ".join(words(CHARTS[name](CASES[case])))


@pytest.mark.parametrize("name", CHART_NAMES)
def test_a_run_with_trades_does_not_say_that_it_has_none(name):
    assert "no trades" not in " ".join(words(CHARTS[name](SHORT)))


def test_orders_stand_at_their_bar_and_price():
    (buys,), (sells,) = (lines(CHARTS["portfolio_orders"](SHORT), tip) for tip in (TIP_UP, TIP_DOWN))

    assert buys.tolist() == [[bar, SHORT.close[bar]] for bar in (30, 120)]
    assert sells.tolist() == [[bar, SHORT.close[bar]] for bar in (90, 60)]


def test_an_order_at_the_close_of_a_bar_within_the_day_stands_at_that_bar_not_at_the_next():
    data = intraday(SHORT)
    ends = [f"{time + np.timedelta64(300, 's')}Z" for time in data.timestamps]
    closing = [row | {"entry_timestamp": ends[entry], "exit_timestamp": ends[left]}
               for row, (entry, left) in zip(data.trades, data.fill_bars, strict=True)]  # fmt: skip

    (buys,), (sells,) = (lines(CHARTS["candlestick"](dataclasses.replace(data, trades=closing)), tip)
                         for tip in (TIP_UP, TIP_DOWN))  # fmt: skip

    assert (buys[:, 0].tolist(), sells[:, 0].tolist()) == ([30, 120], [60, 90])


def test_an_open_trade_has_no_exit_order_and_a_hollow_mark():
    (buys,), (sells,) = (lines(CHARTS["portfolio_orders"](LONG), tip) for tip in (TIP_UP, TIP_DOWN))
    hollow = [mark for mark in drawn(CHARTS["trade_pnl"](LONG), Line2D) if mark.get_markerfacecolor() == "none"]

    assert (buys[:, 0].tolist(), sells[:, 0].tolist()) == ([10, 3000, 600], [500, 400])
    assert [mark.get_xdata().tolist() for mark in hollow if len(mark.get_xdata())] == [[3269]]


def test_wins_and_their_average_are_those_of_trades_that_have_ended():
    first, second, still_open = LONG.trades
    only_open = dataclasses.replace(LONG, trades=[still_open], fill_bars=LONG.fill_bars[2:])
    average = (first["pnl_pct"] + second["pnl_pct"]) / 2

    assert f"1 of 2 closed won, average {average:+.2f}%" in words(CHARTS["trade_pnl"](LONG))
    assert f"the only trade is still open, at {still_open['pnl_pct']:+.2f}%" in words(CHARTS["trade_pnl"](only_open))


def test_trades_stand_at_their_exit_and_return():
    canvas = CHARTS["trade_pnl"](SHORT)
    first, second = SHORT.trades

    marks = {tuple(point) for shape in "^v" for points in lines(canvas, shape) for point in points.tolist()}
    assert marks == {(60, first["pnl_pct"]), (120, second["pnl_pct"])}


def test_drawdown_is_drawn_downwards_and_names_its_deepest_day():
    equity = np.array([100_000, 120_000, 90_000, 96_000, 130_000], dtype=float)
    data = dataclasses.replace(first_bars(SHORT, 5), equity=equity, trades=SHORT.trades[:1])

    canvas = CHARTS["drawdown_curve"](data)

    curve = max(lines(canvas, "None"), key=len)
    assert curve[:, 1].tolist() == [0, 0, -25, -20, 0]
    assert "deepest 25.0% on 22 May 2012" in words(canvas)


def test_a_loss_from_the_first_bar_counts_against_the_initial_capital():
    data = dataclasses.replace(
        first_bars(SHORT, 3), equity=np.array([80_000.0, 90_000, 70_000]), trades=SHORT.trades[:1]
    )

    assert "deepest 30.0% on 22 May 2012" in words(CHARTS["drawdown_curve"](data))


def test_prices_far_apart_stand_on_a_log_scale_that_is_named():
    assert "log scale" in words(CHARTS["candlestick"](LONG))
    assert "log scale" not in words(CHARTS["candlestick"](SHORT))


def test_few_bars_are_their_own_candles():
    canvas = CHARTS["candlestick"](SHORT)

    wicks_and_bodies = sum(len(group.get_segments()) for group in drawn(canvas, LineCollection))
    assert "196 candles" in words(canvas)
    assert wicks_and_bodies > 2 * 196 + 196  # and volume, and the grid


def test_many_bars_become_candles_of_a_period_that_is_named():
    assert "157 monthly candles of 3,270 bars" in words(CHARTS["candlestick"](LONG))


def test_a_candle_of_a_period_has_its_first_open_highest_high_lowest_low_and_last_close():
    candles = legible_candles(LONG.timestamps, LONG.open, LONG.high, LONG.low, LONG.close, LONG.volume)

    march = LONG.timestamps.astype("M8[M]") == np.datetime64("2008-03")
    at = int(np.flatnonzero(candles.timestamps.astype("M8[M]") == np.datetime64("2008-03"))[0])
    whole = (candles.open[at], candles.high[at], candles.low[at], candles.close[at], candles.volume[at])
    highest, lowest = LONG.high[march].max(), LONG.low[march].min()
    assert whole == (LONG.open[march][0], highest, lowest, LONG.close[march][-1], LONG.volume[march].sum())


def test_marks_of_orders_stand_outside_their_candles():
    candles = legible_candles(LONG.timestamps, LONG.open, LONG.high, LONG.low, LONG.close, LONG.volume)

    canvas = CHARTS["candlestick"](LONG)

    (buys,), (sells,) = (lines(canvas, tip) for tip in (TIP_UP, TIP_DOWN))
    assert 10 ** buys[:, 1] == pytest.approx(candles.low[buys[:, 0].astype(int)])
    assert 10 ** sells[:, 1] == pytest.approx(candles.high[sells[:, 0].astype(int)])
    assert candles.timestamps[int(buys[0, 0])].astype("M8[M]") == LONG.timestamps[10].astype("M8[M]")
