"""Values of the indicators that can be worked out by hand, and intended differences to TA-Lib."""

import numpy as np
import pandas as pd
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
    return_moments,
    rsi,
    sma,
    stochastic,
    vwap,
)

NAN = float("nan")


def test_sma_is_the_mean_of_the_last_closes():
    assert_values(sma(np.array([1.0, 2.0, 6.0, 9.0]), 3), [NAN, NAN, 3.0, 17 / 3])


def test_ema_starts_at_the_mean_and_moves_by_its_weight():
    # weight 2 / (3 + 1) = 1/2; seed (1 + 2 + 6) / 3 = 3; 3 + (9 - 3) / 2 = 6; 6 + (4 - 6) / 2 = 5
    assert_values(ema(np.array([1.0, 2.0, 6.0, 9.0, 4.0]), 3), [NAN, NAN, 3.0, 6.0, 5.0])


def test_rsi_is_the_share_of_the_gains_in_wilders_averages():
    # changes +2 -1 +3 -2; seeds: gain 1, loss 1/2; then (1 + 3) / 2 = 2 and 1/4; then 1 and (1/4 + 2) / 2 = 9/8
    close = np.array([10.0, 12.0, 11.0, 14.0, 12.0])

    assert_values(rsi(close, 2), [NAN, NAN, 100 * 2 / 3, 100 * 8 / 9, 100 * 8 / 17])


def test_macd_is_the_gap_of_the_emas_against_its_own_ema():
    # fast EMA(2) from bar 1: seed 3, then 3 + 2/3 * (6 - 3) = 5, 5 + 2/3 * (8 - 5) = 7; slow EMA(3): seed 8/3 + ...
    close = np.array([1.0, 2.0, 4.0, 6.0, 8.0])
    slow = [7 / 3, (7 / 3 + 6) / 2, ((7 / 3 + 6) / 2 + 8) / 2]
    gap = [3 - slow[0], 5 - slow[1], 7 - slow[2]]
    seed = (gap[0] + gap[1]) / 2
    signal = [seed, seed + 2 / 3 * (gap[2] - seed)]

    line, signal_line, histogram = macd(close, 2, 3, 2)

    assert_values(line, [NAN, NAN, NAN, gap[1], gap[2]])
    assert_values(signal_line, [NAN, NAN, NAN, *signal])
    assert_values(histogram, [NAN, NAN, NAN, gap[1] - signal[0], gap[2] - signal[1]])


def test_bollinger_bands_lie_population_deviations_from_the_mean():
    upper, middle, lower = bollinger_bands(np.array([2.0, 4.0, 8.0]), 2, 3.0)

    assert_values(upper, [NAN, 6.0, 12.0])
    assert_values(middle, [NAN, 3.0, 6.0])
    assert_values(lower, [NAN, 0.0, 0.0])


def test_the_extremes_are_those_of_the_last_values():
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])

    assert_values(highest(values, 3), [NAN, NAN, 4.0, 4.0, 5.0])
    assert_values(lowest(values, 3), [NAN, NAN, 1.0, 1.0, 1.0])


def test_return_moments_are_those_of_the_last_returns():
    # returns over two bars: 4/1 - 1 = 3, 4/2 - 1 = 1, 2/4 - 1 = -1/2
    returns, mean, deviation = return_moments(np.array([1.0, 2.0, 4.0, 4.0, 2.0]), 2, 2)

    assert_values(returns, [NAN, NAN, 3.0, 1.0, -0.5])
    assert_values(mean, [NAN, NAN, NAN, 2.0, 0.25])
    assert_values(deviation, [NAN, NAN, NAN, 1.0, 0.75])


def test_atr_takes_gaps_into_the_range_and_averages_as_wilder_did():
    # true ranges 3 (gap up from 10 to a high of 13), 4 (down to 8 from a close of 12), 2
    high, low, close = (
        np.array([11.0, 13, 12, 10]),
        np.array([9.0, 11, 8, 8]),
        np.array([10.0, 12, 9, 9]),
    )

    assert_values(atr(high, low, close, 2), [NAN, NAN, 3.5, (3.5 + 2) / 2])


def test_stochastic_is_the_closes_place_in_the_range():
    high, low = np.array([4.0, 6, 8, 8, 8]), np.array([2.0, 3, 4, 4, 4])
    close = np.array([3.0, 4.0, 8.0, 4.0, 6.0])
    # places in the ranges of two bars: 50, 100, 0, 50; averaged over two: 75, 50, 25; again: 62.5, 37.5

    k, d = stochastic(high, low, close, 2, 2, 2)

    assert_values(k, [NAN, NAN, NAN, (100 + 0) / 2, (0 + 50) / 2])
    assert_values(d, [NAN, NAN, NAN, ((50 + 100) / 2 + 50) / 2, (50 + 25) / 2])


def test_adx_of_a_steady_rise_is_all_plus():
    steps = np.arange(40.0)

    strength, plus, minus = adx(steps + 2.0, steps + 1.0, steps + 1.5, 5)

    assert strength[9:] == pytest.approx(100.0)
    assert plus[5:] == pytest.approx(100 * 1.0 / 1.5)
    assert (minus[5:] == 0.0).all()


def test_obv_adds_the_volume_of_rises_and_takes_off_that_of_falls():
    volume = np.array([5.0, 7.0, 11.0, 13.0])

    assert obv(np.array([1.0, 2.0, 2.0, 1.0]), volume).tolist() == [5.0, 12.0, 12.0, -1.0]


def test_vwap_has_no_value_before_the_first_trade():
    prices = np.array([1.0, 2.0, 4.0])

    assert_values(vwap(prices, prices, prices, np.array([0.0, 3.0, 1.0])), [NAN, 2.0, 2.5])


def test_flat_prices_have_no_rsi_where_talib_says_0():
    flat = np.full(40, 12.34)

    assert np.isnan(rsi(flat, 14)).all()
    assert talib.RSI(flat, 14)[-1] == 0.0


def test_rsi_stays_between_0_and_100_when_prices_only_rise_or_only_fall():
    rise = 100.0 * 1.01 ** np.arange(300)

    assert (rsi(rise, 14)[14:] == 100.0).all()
    assert (rsi(rise[::-1].copy(), 14)[14:] == 0.0).all()


def test_tiny_moves_count_in_rsi_like_large_ones():
    close = 100.0 + np.arange(40) % 3

    assert rsi(close * 1e-17, 14)[14:] == pytest.approx(rsi(close, 14)[14:])


def test_no_recursive_indicator_has_a_number_after_a_missing_price_where_talibs_rsi_says_0(
    random_ohlcv,
):
    close = random_ohlcv(1000, seed=9)["Close"]
    close[500] = NAN

    for line in (
        rsi(close, 14),
        ema(close, 14),
        *macd(close),
        atr(close, close, close, 14),
        *adx(close, close, close),
    ):
        assert np.isfinite(line[60:500]).all()
        assert np.isnan(line[501:]).all()
    assert talib.RSI(close, 14)[-1] == 0.0


def test_flat_highs_and_lows_have_no_stochastic_where_talib_says_0():
    flat = np.full(40, 12.34)

    assert np.isnan(stochastic(flat, flat, flat)[0]).all()
    assert talib.STOCH(flat, flat, flat, 14, 3, 0, 3, 0)[0][-1] == 0.0


def test_flat_prices_have_no_direction():
    flat = np.full(60, 50.0)

    strength, plus, minus = adx(flat, flat, flat, 5)

    assert (strength[9:] == 0.0).all()
    assert (plus[5:] == 0.0).all()
    assert (minus[5:] == 0.0).all()


@pytest.mark.parametrize("price", [0.1, 12.34, 99.99, 1e12])
def test_averages_of_a_flat_stretch_are_the_price_to_the_last_bit(price, random_ohlcv):
    close = np.concatenate([random_ohlcv(100, seed=3)["Close"], np.full(1500, price)])

    assert (sma(close, 20)[-1400:] == price).all()
    assert (ema(close, 20)[-200:] == price).all()
    assert all((band[-1400:] == price).all() for band in bollinger_bands(close, 20))


def test_bands_keep_their_digits_where_prices_dwarf_their_moves():
    moves = np.tile([0.0, 0.01, 0.03, 0.02], 100)

    upper, _, lower = bollinger_bands(1_000_000.0 + moves, 20)

    assert (upper - lower)[19:] == pytest.approx(4 * np.std(moves[:20]), rel=1e-6)


def test_a_huge_price_leaves_no_trace_once_it_has_left_the_window(random_ohlcv):
    close = random_ohlcv(200, seed=4)["Close"]
    spiked = close.copy()
    spiked[50] = 1e15

    assert sma(spiked, 20)[70:] == pytest.approx(sma(close, 20)[70:], rel=1e-13)


def test_a_column_of_a_data_frame_is_read_by_position(random_ohlcv):
    close = random_ohlcv(100, seed=5)["Close"]
    column = pd.Series(close, index=pd.date_range("2020-01-01", periods=100))

    np.testing.assert_array_equal(rsi(column, 14), rsi(close, 14))
    np.testing.assert_array_equal(ema(column, 14), ema(close, 14))


def test_the_input_is_left_as_it_was(random_ohlcv):
    ohlcv = random_ohlcv(300, seed=6)
    columns = [ohlcv[name] for name in ("High", "Low", "Close", "Volume")]
    before = [column.copy() for column in columns]
    high, low, close, volume = columns

    ema(close, 14), rsi(close, 14), macd(close), bollinger_bands(close), atr(high, low, close, 14)
    (
        adx(high, low, close),
        stochastic(high, low, close),
        obv(close, volume),
        vwap(high, low, close, volume),
    )

    for column, copy in zip(columns, before, strict=True):
        np.testing.assert_array_equal(column, copy)


@pytest.mark.parametrize("call", [sma, ema, rsi, bollinger_bands, highest, lowest])
@pytest.mark.parametrize("period", [1, 0, -3])
def test_a_period_below_2_is_refused(call, period):
    with pytest.raises(
        ValueError, match=f"period is {period}; must be a whole number of at least 2"
    ):
        call(np.arange(1.0, 50.0), period)


def test_a_fast_average_that_is_not_faster_is_refused():
    with pytest.raises(ValueError, match="fast is 26; must be less than slow, which is 26"):
        macd(np.arange(1.0, 50.0), 26, 26, 9)


def assert_values(ours, expected):
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
