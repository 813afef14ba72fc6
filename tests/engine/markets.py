"""Hypothesis strategies for prices, signals and settings, and the plain shapes that tests pass around."""

import numpy as np
from hypothesis import strategies as st

from engine.engine import BacktestResult


def ohlc(rows: list[tuple[float, float, float, float]]) -> dict[str, np.ndarray]:
    """Columns from rows of (open, high, low, close)."""
    columns = np.array(rows, dtype=float).T
    return dict(zip(("Open", "High", "Low", "Close"), columns, strict=True))


def flat(closes: list[float]) -> dict[str, np.ndarray]:
    """Bars that open where the bar before closed and move straight to their close."""
    opens = [closes[0], *closes[:-1]]
    return ohlc([(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)])


def random_walk(seed: int, bars: int, volatility: float = 0.02) -> dict[str, np.ndarray]:
    """A geometric random walk with gaps and wicks; the same for the same seed."""
    rng = np.random.default_rng(seed)
    close = 100 * np.cumprod(1 + rng.normal(0, volatility, bars).clip(-0.5, 0.5))
    opens = close * (1 + rng.normal(0, volatility, bars).clip(-0.5, 0.5))
    high = np.maximum(opens, close) * (1 + np.abs(rng.normal(0, volatility / 2, bars)))
    low = np.minimum(opens, close) * (
        1 - np.abs(rng.normal(0, volatility / 2, bars)).clip(0, 0.5)
    )
    return {"Open": opens, "High": high, "Low": low, "Close": close}


def random_signals(seed: int, bars: int, share: float) -> np.ndarray:
    """int8 signals, `share` of the bars buy and as many sell."""
    return (
        np.random.default_rng(seed)
        .choice([1, 0, -1], bars, p=[share, 1 - 2 * share, share])
        .astype(np.int8)
    )


def follow(signals):
    """A strategy that answers with `signals` whatever the prices."""
    array = np.asarray(signals, dtype=np.int8)
    return lambda data: array


def trade_rows(result: BacktestResult, *fields: str) -> list[tuple]:
    """The named fields of each trade."""
    return [tuple(getattr(trade, field) for field in fields) for trade in result.trades]


seeds = st.integers(0, 2**32 - 1)
sizings = st.one_of(
    st.fixed_dictionaries(
        {"size_type": st.just("value"), "position_size": st.floats(20, 300_000)}
    ),
    st.fixed_dictionaries(
        {"size_type": st.just("percent"), "position_size": st.floats(0.1, 100)}
    ),
)
percents = st.one_of(st.none(), st.floats(0.2, 30))
settings_of_engine = st.builds(
    dict.__or__,
    sizings,
    st.fixed_dictionaries(
        {
            "initial_capital": st.sampled_from([1_000.0, 100_000.0]),
            "fee_rate": st.sampled_from([0.0, 0.001, 0.05]),
            "slippage_bps": st.sampled_from([0.0, 5.0, 300.0]),
            "direction": st.sampled_from(["longonly", "longshort"]),
            "fill": st.sampled_from(["close", "next_open"]),
            "stop_loss_pct": percents,
            "take_profit_pct": percents,
            "trailing_stop_pct": percents,
            "fractional_shares": st.booleans(),
        }
    ),
)


@st.composite
def cases(draw) -> tuple[dict[str, np.ndarray], np.ndarray, dict]:
    """(prices, signals, settings): walks from calm to wild, signals from rare to one on every bar."""
    seed, bars = draw(seeds), draw(st.integers(2, 400))
    prices = random_walk(seed, bars, draw(st.sampled_from([0.002, 0.02, 0.1])))
    signals = random_signals(seed + 1, bars, draw(st.sampled_from([0.01, 0.1, 0.5])))
    return prices, signals, draw(settings_of_engine)
