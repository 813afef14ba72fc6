"""Random books of legs: prices on calendars of their own, signals and terms, and the run of the engine of each."""

import random
from dataclasses import fields, replace

import numpy as np

from engine.engine import BacktestEngine, check_bars
from engine.stops import Stops
from portfolio.legs import Leg
from portfolio.sharing import SharingTerms
from portfolio.walk import trade_together

FIRST = np.datetime64("2020-01-01")
NO_STOPS = dict.fromkeys(("stop_loss_pct", "take_profit_pct", "trailing_stop_pct"))
OPTIONS = [each.name for each in fields(BacktestEngine)]


def ohlc(rng, bars):
    close = 100 * np.exp(rng.normal(0, 0.02, bars).cumsum())
    opens = close * np.exp(rng.normal(0, 0.01, bars))
    high = np.maximum(opens, close) * (1 + abs(rng.normal(0, 0.01, bars)))
    low = np.minimum(opens, close) * (1 - abs(rng.normal(0, 0.01, bars)))
    return check_bars({"Open": opens, "High": high, "Low": low, "Close": close})


def signals(draw, rng, bars):
    if draw.random() < 0.3:  # a level, on every bar
        return np.where(np.sin(np.arange(bars) / draw.randint(3, 40)) > 0, 1, -1).astype(np.int8)
    density = draw.choice([0.02, 0.1, 0.5, 0.9])
    return np.where(rng.random(bars) < density, rng.choice([-1, 1], bars), 0).astype(np.int8)


def engine(draw, **fixed):
    """Terms; money or percent, both fills, any stop, shares whole or not."""
    size_type = draw.choice(["value", "percent"])
    chosen = {
        "initial_capital": draw.choice([100.0, 1000.0, 100_000.0]),
        "fee_rate": draw.choice([0, 0.001, 0.05]),
        "slippage_bps": draw.choice([0, 5, 100]),
        "size_type": size_type,
        "position_size": draw.choice(
            [10, 50, 99, 100] if size_type == "percent" else [50, 500, 10_000, 1e6]
        ),
        "direction": draw.choice(["longonly", "longshort"]),
        "fill": draw.choice(["close", "next_open"]),
        "stop_loss_pct": draw.choice([None, 1, 5]),
        "take_profit_pct": draw.choice([None, 2, 10]),
        "trailing_stop_pct": draw.choice([None, 2, 8]),
        "fractional_shares": draw.random() < 0.5,
    }
    return BacktestEngine(**chosen | fixed)


def leg(seed, terms, bars=None, gaps=True, ticker=None):
    """A leg that misses some days of a common calendar, begins late or ends early."""
    draw, rng = random.Random(f"{seed}"), np.random.default_rng(seed)
    days = np.arange(bars or draw.randint(5, 300))
    if gaps:
        days = days[rng.random(len(days)) < draw.choice([0.5, 0.9, 1.0])]
        days = days[draw.choice([0, 0, 3]) :]
    if len(days) < 2:
        days = np.arange(2)
    prices = ohlc(rng, len(days))
    stops = Stops(prices, terms.stop_loss_pct, terms.take_profit_pct, terms.trailing_stop_pct)
    return Leg(
        ticker=ticker or f"T{seed}",
        times=FIRST + days,
        bars=prices,
        signals=signals(draw, rng, len(days)),
        stops=stops,
        before=100 * np.exp(rng.normal(0, 0.02, 30).cumsum()),
    )


def book(seed, most=6, **fixed):
    """(terms, legs), the legs on calendars of their own."""
    draw = random.Random(seed)
    terms = engine(draw, **fixed)
    return terms, [leg(seed * 100 + number, terms) for number in range(draw.randint(1, most))]


def run_of(one, terms):
    """The engine's own run of a leg."""
    return terms.run(one.bars, lambda _: one.signals)


def cut(one, days):
    """The same leg with its first bars alone, those before FIRST + days; None with fewer than two."""
    bars = int((one.times < FIRST + days).sum())
    if bars < 2:
        return None
    prices = check_bars(
        {
            name: getattr(one.bars, name.lower())[:bars]
            for name in ("Open", "High", "Low", "Close")
        }
    )
    stops = one.stops and Stops(
        prices, one.stops._stop_loss_pct, one.stops._take_profit_pct, one.stops._trailing_stop_pct
    )
    of_bars = {
        name: getattr(one, name) for name in ("times", "signals", "priority", "score", "keep")
    }
    return replace(
        one,
        bars=prices,
        stops=stops,
        **{name: None if values is None else values[:bars] for name, values in of_bars.items()},
    )


def together(legs, terms, **sharing):
    return trade_together(SharingTerms(terms=terms, **sharing), legs)
