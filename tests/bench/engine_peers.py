"""The peers' side of engine_speed.py; runs in `.venv-peers` and prints {peer: milliseconds} as JSON.

Settings equal ours: 100,000 of capital, 10,000 per trade, fee 0.001, fill at the close, RSI 14 of Wilder, 30 and 70.
Whatever can be prepared once (frames, strategies) is prepared outside the measured part.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
PRICES = Path(__file__).resolve().parents[2] / "data" / "AAPL.csv"
COMMON = {
    "init_cash": 100_000,
    "fees": 0.001,
    "size": 10_000,
    "size_type": "value",
    "size_granularity": 1,
}


def main() -> None:
    """Run the task named on the command line."""
    print(json.dumps(TASKS[sys.argv[1]]()))


def best(action: Callable[[], object], repetitions: int) -> float:
    """Milliseconds of the fastest repetition, after one that warms up."""
    action()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def read_frame() -> Any:
    """The shipped prices as a DataFrame."""
    import pandas as pd

    return pd.read_csv(PRICES, index_col="Date", parse_dates=True)


def vectorbt_rsi(close: Any) -> Any:
    """vectorbt's portfolio; Wilder's RSI 14 is its exponential one with span 27."""
    import vectorbt as vbt

    rsi = vbt.RSI.run(close, 27, ewm=True)
    return vbt.Portfolio.from_signals(
        close, rsi.rsi_below(30), rsi.rsi_above(70), freq="1D", **COMMON
    )


def with_metrics(portfolio: Any) -> tuple[Any, ...]:
    """The four core metrics."""
    return (
        portfolio.total_return(),
        portfolio.sharpe_ratio(),
        portfolio.max_drawdown(),
        portfolio.trades.count(),
    )


def backtesting_rsi(frame: Any) -> Callable[[], Any]:
    """backtesting.py's run; the RSI comes ready, since it has none of its own."""
    from backtesting import Backtest, Strategy

    change = frame["Close"].diff()
    gain = change.clip(lower=0).ewm(alpha=1 / 14, adjust=False, min_periods=14).mean()
    loss = (-change).clip(lower=0).ewm(alpha=1 / 14, adjust=False, min_periods=14).mean()
    rsi = (100 - 100 / (1 + gain / loss)).to_numpy()

    class Rsi(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.rsi = self.I(lambda: rsi)

        def next(self) -> None:
            if self.rsi[-1] < 30 and not self.position:
                self.buy(size=max(1, int(10_000 // self.data.Close[-1])))
            elif self.rsi[-1] > 70 and self.position:
                self.position.close()

    test = Backtest(
        frame, Rsi, cash=100_000, commission=0.001, trade_on_close=True, finalize_trades=True
    )
    return lambda: test.run()


def backtrader_rsi(frame: Any) -> Callable[[], Any]:
    """backtrader's run on the same prices; filled at the next open, its default."""
    import backtrader as bt

    class Rsi(bt.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rsi = bt.indicators.RSI(self.data.close, period=14)

        def next(self) -> None:
            if self.rsi[0] < 30 and not self.position:
                self.buy(size=int(10_000 // self.data.close[0]))
            elif self.rsi[0] > 70 and self.position:
                self.close()

    def run() -> Any:
        cerebro = bt.Cerebro()
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(Rsi)
        cerebro.broker.setcash(100_000)
        cerebro.broker.setcommission(0.001)
        return cerebro.run()

    return run


def cross() -> dict[str, float]:
    """Moving-average cross 20 and 50 on the shipped prices, written as each engine's documentation does."""
    frame = read_frame()
    return {
        "backtesting.py": best(backtesting_cross(frame), 10),
        "backtrader": best(backtrader_cross(frame), 3),
    }


def backtesting_cross(frame: Any) -> Callable[[], Any]:
    """backtesting.py's run, with averages over whole arrays."""
    import pandas as pd
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    def average(values: Any, length: int) -> Any:
        return pd.Series(values).rolling(length).mean()

    class Cross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(average, self.data.Close, 20)
            self.slow = self.I(average, self.data.Close, 50)

        def next(self) -> None:
            if crossover(self.fast, self.slow) and not self.position:
                self.buy(size=max(1, int(10_000 // self.data.Close[-1])))
            elif crossover(self.slow, self.fast) and self.position:
                self.position.close()

    test = Backtest(
        frame, Cross, cash=100_000, commission=0.001, trade_on_close=True, finalize_trades=True
    )
    return lambda: test.run()


def backtrader_cross(frame: Any) -> Callable[[], Any]:
    """backtrader's run with its own averages; filled at the next open, its default."""
    import backtrader as bt

    class Cross(bt.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            averages = (bt.indicators.SMA(self.data.close, period=each) for each in (20, 50))
            self.crossed = bt.indicators.CrossOver(*averages)

        def next(self) -> None:
            if self.crossed[0] > 0 and not self.position:
                self.buy(size=int(10_000 // self.data.close[0]))
            elif self.crossed[0] < 0 and self.position:
                self.close()

    def run() -> Any:
        cerebro = bt.Cerebro()
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(Cross)
        cerebro.broker.setcash(100_000)
        cerebro.broker.setcommission(0.001)
        return cerebro.run()

    return run


def warm() -> dict[str, float]:
    """RSI signals and backtest on the shipped prices."""
    frame = read_frame()
    return {
        "vectorbt": best(lambda: vectorbt_rsi(frame["Close"]).final_value(), 30),
        "vectorbt with metrics": best(lambda: with_metrics(vectorbt_rsi(frame["Close"])), 30),
        "backtesting.py": best(backtesting_rsi(frame), 10),
        "backtrader": best(backtrader_rsi(frame), 3),
    }


def large() -> dict[str, float]:
    """A million bars."""
    import numpy as np
    import pandas as pd

    close = pd.Series(
        100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.001, 1_000_000)))
    )
    return {
        "vectorbt": best(lambda: vectorbt_rsi(close).final_value(), 5),
        "vectorbt with metrics": best(lambda: with_metrics(vectorbt_rsi(close)), 5),
    }


def grid() -> dict[str, float]:
    """1,000 pairs of moving averages in one broadcast call, core metrics of each."""
    import vectorbt as vbt

    close = read_frame()["Close"]
    pairs = [(fast, slow) for fast in range(2, 22) for slow in range(22, 72)]
    fast_windows, slow_windows = zip(*pairs, strict=True)

    def run() -> Any:
        fast = vbt.MA.run(close, list(fast_windows), short_name="fast")
        slow = vbt.MA.run(close, list(slow_windows), short_name="slow")
        crossed = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
        return with_metrics(vbt.Portfolio.from_signals(close, *crossed, freq="1D", **COMMON))

    return {"vectorbt": best(run, 3)}


def sweep() -> dict[str, float]:
    """1,000 pairs of moving averages: vectorbt in one broadcast call, backtesting.py one after the other."""
    from backtesting import Backtest, Strategy

    frame = read_frame()
    close = frame["Close"]
    means = {window: close.rolling(window).mean().to_numpy() for window in range(2, 72)}

    class Cross(Strategy):  # type: ignore[misc]
        fast, slow = 2, 22

        def init(self) -> None:
            self.above = self.I(lambda: means[self.fast] > means[self.slow])

        def next(self) -> None:
            if self.above[-1] and not self.above[-2] and not self.position:
                self.buy(size=max(1, int(10_000 // self.data.Close[-1])))
            elif self.above[-2] and not self.above[-1] and self.position:
                self.position.close()

    test = Backtest(
        frame, Cross, cash=100_000, commission=0.001, trade_on_close=True, finalize_trades=True
    )
    start = time.perf_counter()
    for fast in range(2, 22):
        for slow in range(22, 72):
            test.run(fast=fast, slow=slow)
    return {**grid(), "backtesting.py": (time.perf_counter() - start) * 1e3}


def cold_vectorbt() -> float:
    """The final equity."""
    return float(vectorbt_rsi(read_frame()["Close"]).final_value())


def cold_backtesting() -> float:
    """The final equity."""
    return float(backtesting_rsi(read_frame())()["Equity Final [$]"])


TASKS: dict[str, Callable[[], Any]] = {
    "warm": warm,
    "cross": cross,
    "large": large,
    "grid": grid,
    "sweep": sweep,
    "cold-vectorbt": cold_vectorbt,
    "cold-backtesting": cold_backtesting,
}

if __name__ == "__main__":
    main()
