"""Every indicator against TA-Lib's C library: same values, same first valid bar."""

from itertools import product

import numpy as np
import pytest
import talib

from rules.indicators import (
    adx,
    atr,
    bollinger_bands,
    ema,
    highest,
    lowest,
    macd,
    obv,
    rsi,
    sma,
    stdev,
    stochastic,
    total,
    vwap,
    wma,
)
from tests.rules.loops import naming

PERIODS = (2, 3, 5, 14, 20, 50, 63, 64, 65, 100, 200, 255, 256, 257, 400)
LENGTHS = (1, 2, 3, 14, 15, 16, 27, 28, 29, 64, 65, 257, 401, 1500)
TICKERS = ("AAPL", "GOOG", "IBM", "MSFT", "FB")


def assert_same(ours, authority):
    """Equal to 1e-9 of the authority's size (absolutely below 1), and NaN on the same bars."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(authority))
    np.testing.assert_allclose(ours, authority, rtol=1e-9, atol=1e-9)


def assert_all_same(ours, authority):
    for our_line, their_line in zip(ours, authority, strict=True):
        assert_same(our_line, their_line)


def series(bars, random_ohlcv):
    ohlcv = random_ohlcv(bars, seed=bars)
    return ohlcv["High"], ohlcv["Low"], ohlcv["Close"], ohlcv["Volume"]


def test_averages_and_extremes_equal_talib_for_every_length_around_the_period(random_ohlcv):
    for period, bars in product(PERIODS, LENGTHS):
        with naming(period=period, bars=bars):
            _, _, close, _ = series(bars, random_ohlcv)
            assert_same(sma(close, period), talib.SMA(close, period))
            assert_same(ema(close, period), talib.EMA(close, period))
            assert_same(highest(close, period), talib.MAX(close, period))
            assert_same(lowest(close, period), talib.MIN(close, period))
            assert_same(wma(close, period), talib.WMA(close, period))
            assert_same(total(close, period), talib.SUM(close, period))
            assert_same(stdev(close, period), talib.STDDEV(close, period))


def test_wilder_indicators_equal_talib_for_every_length_around_the_period(random_ohlcv):
    for period, bars in product(PERIODS, LENGTHS):
        with naming(period=period, bars=bars):
            high, low, close, _ = series(bars, random_ohlcv)
            assert_same(rsi(close, period), talib.RSI(close, period))
            assert_same(atr(high, low, close, period), talib.ATR(high, low, close, period))
            assert_all_same(
                adx(high, low, close, period),
                (
                    talib.ADX(high, low, close, period),
                    talib.PLUS_DI(high, low, close, period),
                    talib.MINUS_DI(high, low, close, period),
                ),
            )


def test_bands_and_stochastic_equal_talib_for_every_length_around_the_period(random_ohlcv):
    for period, bars in product(PERIODS, LENGTHS):
        with naming(period=period, bars=bars):
            high, low, close, _ = series(bars, random_ohlcv)
            assert_all_same(
                bollinger_bands(close, period, 2.5), talib.BBANDS(close, period, 2.5, 2.5)
            )
            assert_all_same(
                stochastic(high, low, close, period, 3, 4),
                talib.STOCH(high, low, close, period, 3, 0, 4, 0),
            )


def test_macd_equals_talib(random_ohlcv):
    periods = ((12, 26, 9), (2, 3, 2), (50, 100, 100), (5, 300, 20), (100, 101, 2))
    for lengths, bars in product(periods, (*LENGTHS, 33, 34, 35)):
        with naming(lengths=lengths, bars=bars):
            _, _, close, _ = series(bars, random_ohlcv)
            assert_all_same(macd(close, *lengths), talib.MACD(close, *lengths))


@pytest.mark.parametrize("ticker", TICKERS)
def test_real_prices_give_talibs_values(ticker, real_ohlcv):
    ohlcv = real_ohlcv(ticker)
    high, low, close, volume = ohlcv["High"], ohlcv["Low"], ohlcv["Close"], ohlcv["Volume"]

    assert_same(sma(close, 20), talib.SMA(close, 20))
    assert_same(ema(close, 20), talib.EMA(close, 20))
    assert_same(rsi(close, 14), talib.RSI(close, 14))
    assert_all_same(macd(close), talib.MACD(close))
    assert_all_same(bollinger_bands(close), talib.BBANDS(close, 20, 2.0, 2.0))
    assert_same(atr(high, low, close), talib.ATR(high, low, close))
    assert_same(adx(high, low, close)[0], talib.ADX(high, low, close))
    assert_all_same(stochastic(high, low, close), talib.STOCH(high, low, close, 14, 3, 0, 3, 0))
    assert_same(obv(close, volume), talib.OBV(close, volume))


def test_a_million_bars_stay_as_close_to_talib(random_ohlcv):
    close = random_ohlcv(1_000_000, seed=1, volatility=0.001)["Close"]

    assert_same(sma(close, 20), talib.SMA(close, 20))
    assert_same(ema(close, 20), talib.EMA(close, 20))
    assert_same(rsi(close, 14), talib.RSI(close, 14))


def test_equal_moves_of_inexact_prices_are_decided_as_talib_decides_them():
    """The figures of docs/differences.md: the same prices as 1.10003 and as 110,003."""
    worst_di, worst_adx = 0.0, 0.0
    for seed in range(200):
        with naming(seed=seed):
            rng = np.random.default_rng(seed)
            close = (110_000 + rng.integers(-12, 13, 300).cumsum()).astype(float)
            points = close + rng.integers(0, 10, 300), close - rng.integers(0, 10, 300), close
            prices = tuple(each / 1e5 for each in points)

            inexact, exact = adx(*prices), adx(*points)

            for moments, columns in ((inexact, prices), (exact, points)):
                assert_all_same(
                    moments,
                    (talib.ADX(*columns), talib.PLUS_DI(*columns), talib.MINUS_DI(*columns)),
                )
            off = [np.nanmax(np.abs(a - b)) for a, b in zip(inexact, exact, strict=True)]
            worst_di, worst_adx = max(worst_di, *off[1:]), max(worst_adx, off[0])
    assert (round(worst_di, 2), round(worst_adx, 2)) == (5.01, 3.9)


@pytest.mark.parametrize("scale", [1e-3, 1e9, 1e12])
def test_tiny_and_huge_prices_give_talibs_values(scale, random_ohlcv):
    high, low, close, _ = series(500, random_ohlcv)
    high, low, close = high * scale, low * scale, close * scale

    assert_same(sma(close, 20) / scale, talib.SMA(close, 20) / scale)
    assert_same(ema(close, 20) / scale, talib.EMA(close, 20) / scale)
    assert_same(rsi(close, 14), talib.RSI(close, 14))
    assert_same(atr(high, low, close, 14) / scale, talib.ATR(high, low, close, 14) / scale)
    assert_same(adx(high, low, close, 14)[0], talib.ADX(high, low, close, 14))


@pytest.mark.parametrize("base", [1e4, 1e6, 1e8])
def test_bands_equal_talib_where_prices_dwarf_their_moves(base, random_ohlcv):
    close = base + np.round(random_ohlcv(500, seed=8)["Close"], 2) / 100.0

    assert_all_same(bollinger_bands(close, 20), talib.BBANDS(close, 20, 2.0, 2.0))


def test_vwap_is_the_value_traded_so_far_over_the_shares_traded_so_far(real_ohlcv):
    ohlcv = real_ohlcv("IBM")
    high, low, close, volume = ohlcv["High"], ohlcv["Low"], ohlcv["Close"], ohlcv["Volume"]

    average = vwap(high, low, close, volume)

    typical = talib.TYPPRICE(high, low, close)
    for bar in (0, 1, 10, close.size - 1):
        expected = sum(typical[: bar + 1] * volume[: bar + 1]) / sum(volume[: bar + 1])
        assert average[bar] == pytest.approx(expected, rel=1e-12)
