"""Real prices, and seeded draws of windows, signals and settings from them."""

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from engine.engine import BacktestEngine, BacktestResult

DATA = Path(__file__).parents[2] / "data"
TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
CAPITAL = 100_000.0


@dataclass
class Case:
    """One backtest that both engines run."""

    name: str
    prices: dict[str, np.ndarray]
    signals: np.ndarray
    settings: dict = field(default_factory=dict)

    def run(self) -> BacktestResult:
        return BacktestEngine(**self.settings).run(
            self.prices, lambda data: self.signals, self.name
        )


@cache
def real_prices(ticker: str) -> dict[str, np.ndarray]:
    """All bars of a shipped price file."""
    with (DATA / f"{ticker}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        name: np.array([float(row[name]) for row in rows])
        for name in ("Open", "High", "Low", "Close", "Volume")
    }


def draw(seed: int, **settings) -> Case:
    """A window of real prices with random signals, from rare to dense."""
    rng = np.random.default_rng(seed)
    ticker = TICKERS[rng.integers(len(TICKERS))]
    prices = real_prices(ticker)
    bars = int(rng.integers(60, min(700, len(prices["Close"]))))
    first = int(rng.integers(0, len(prices["Close"]) - bars + 1))
    window = {name: column[first : first + bars].copy() for name, column in prices.items()}
    share = rng.choice([0.02, 0.1, 0.3])
    signals = rng.choice([1, 0, -1], bars, p=[share, 1 - 2 * share, share]).astype(np.int8)
    return Case(
        f"{ticker} seed={seed} {settings}",
        window,
        signals,
        {"initial_capital": CAPITAL} | settings,
    )


def crossings(ticker: str, fast: int, slow: int, **settings) -> Case:
    """All bars of a ticker, traded where two moving averages cross."""
    prices = real_prices(ticker)
    close = prices["Close"]
    fast_average, slow_average = (
        np.convolve(close, np.ones(n) / n, "valid")[slow - n :] for n in (fast, slow)
    )
    side = np.where(fast_average > slow_average, 1, -1).astype(np.int8)
    signals = np.zeros(len(close), dtype=np.int8)
    signals[slow:] = np.where(side[1:] != side[:-1], side[1:], 0)
    return Case(
        f"{ticker} MA {fast}/{slow} {settings}",
        prices,
        signals,
        {"initial_capital": CAPITAL} | settings,
    )


def without_signals_where_stops_leave(case: Case) -> Case:
    """The case with no signal on any bar on which a stop or target closes a position.

    A peer that gives one order per bar cannot open again on the bar of a stop.
    """
    while True:
        stopped = [
            t.exit_bar
            for t in case.run().trades
            if t.exit_reason not in ("signal", "end_of_data")
        ]
        if not case.signals[stopped].any():
            return case
        case.signals[stopped] = 0


def has_ambiguous_bar(case: Case) -> bool:
    """Return whether a target was filled at an open while the stop was touched later in that bar.

    Ours takes the open, which came first; both peers take the stop, which is the worse.
    """
    stop_pct = case.settings.get("stop_loss_pct") or case.settings.get("trailing_stop_pct")
    if stop_pct is None:
        return False
    gaps = [
        t for t in case.run().trades if t.exit_reason == "take_profit" and t.exit_at == "open"
    ]
    return any(_touches(case, trade, stop_pct) for trade in gaps)


def _touches(case: Case, trade, stop_pct: float) -> bool:
    side = 1 if trade.side == "BUY" else -1
    worst = case.prices["Low" if side > 0 else "High"][trade.exit_bar]
    return side * worst <= side * trade.entry_price * (1 - side * stop_pct / 100)
