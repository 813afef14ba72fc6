"""The backtest engine: prices and signals in, trades and an equity curve out.

It works in bar numbers, with numpy over bars and Python over trades. It does no I/O, logs nothing, keeps nothing
between runs, and gives the same bits on every CPU. docs/engine.md states each rule of the fill logic in words.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from engine.bars import Bars, check_bars, check_first_bar, check_signals
from engine.ledger import Fill, Ledger, RejectedOrder
from engine.metrics import PerformanceMetrics, measure
from engine.result import BacktestResult, Trade
from engine.simulation import Simulation, Terms
from engine.stops import Stops

ENGINE_VERSION = "1.0.0"

__all__ = [
    "ENGINE_VERSION",
    "BacktestEngine",
    "BacktestResult",
    "Bars",
    "Fill",
    "PerformanceMetrics",
    "RejectedOrder",
    "Trade",
    "check_bars",
]


@dataclass(frozen=True)
class BacktestEngine:
    """One position at a time in one instrument.

    initial_capital: money, > 0. fee_rate: fraction of traded value, each side, 0 <= x < 0.1. slippage_bps: basis
    points against the trade, each side, 0 to 1000. position_size: money per trade (size_type "value") or percent of
    equity ("percent", at most 100). direction: "longonly" (buy opens, sell closes) or "longshort" (the opposite
    signal also opens the other side). fill: "close" (of the signal's bar) or "next_open". stop_loss_pct,
    trailing_stop_pct: percent, 0 < x < 100, or None. take_profit_pct: percent, 0 < x <= 1000, or None.
    fractional_shares: otherwise whole shares. periods_per_year: annualises the Sharpe ratio; 252 for daily bars.
    ValueError names the argument, its value and the accepted range.
    """

    initial_capital: float = 100_000.0
    fee_rate: float = 0.001
    slippage_bps: float = 0.0
    position_size: float = 10_000.0
    size_type: str = "value"
    direction: str = "longonly"
    fill: str = "close"
    stop_loss_pct: float | None = None
    take_profit_pct: float | None = None
    trailing_stop_pct: float | None = None
    fractional_shares: bool = False
    periods_per_year: float = 252.0

    def __post_init__(self) -> None:
        _check_choice("size_type", self.size_type, ("value", "percent"))
        _check_choice("direction", self.direction, ("longonly", "longshort"))
        _check_choice("fill", self.fill, ("close", "next_open"))
        _check_number("initial_capital", self.initial_capital, "above 0 and at most 1e12", lambda x: 0 < x <= 1e12)
        _check_number("fee_rate", self.fee_rate, "from 0 to below 0.1", lambda x: 0 <= x < 0.1)
        _check_number("slippage_bps", self.slippage_bps, "from 0 to 1000", lambda x: 0 <= x <= 1000)
        if self.size_type == "percent":
            _check_number(
                "position_size", self.position_size, "above 0 and at most 100 (percent)", lambda x: 0 < x <= 100
            )
        else:
            _check_number("position_size", self.position_size, "above 0", lambda x: x > 0)
        _check_optional("stop_loss_pct", self.stop_loss_pct, "above 0 and below 100, or None", lambda x: 0 < x < 100)
        _check_optional(
            "take_profit_pct", self.take_profit_pct, "above 0 and at most 1000, or None", lambda x: 0 < x <= 1000
        )
        _check_optional(
            "trailing_stop_pct", self.trailing_stop_pct, "above 0 and below 100, or None", lambda x: 0 < x < 100
        )
        _check_number("periods_per_year", self.periods_per_year, "above 0", lambda x: x > 0)
        if not isinstance(self.fractional_shares, (bool, np.bool_)):
            raise ValueError(f"fractional_shares: must be True or False, got {self.fractional_shares!r}")

    def run(
        self,
        data: Mapping[str, Any] | Bars,
        strategy_func: Callable[[Any], np.ndarray],
        ticker: str = "",
        first_bar: int = 0,
    ) -> BacktestResult:
        """Trades, equity curve and core metrics of `strategy_func` on `data`.

        data: columns Open, High, Low, Close by name (DataFrame or mapping of arrays (bars,)), or Bars from
        `check_bars`. strategy_func: gets the whole of `data`, returns an int8 array (bars,) of 1 (buy), 0, -1 (sell).
        first_bar: the first bar that may be traded. The bars before it warm the strategy's indicators up: their
        signals are ignored, and everything in the result (curves, signals, bar numbers) begins at first_bar as bar 0.
        ValueError for bad prices, signals or first_bar; whatever strategy_func raises passes through.
        """
        ledger, bars, signals = self._trade(data, strategy_func, first_bar)
        path = ledger.equity_path(bars.close)
        return BacktestResult(
            ticker=ticker,
            equity_curve=path[1:],
            signals=signals,
            metrics=measure(path, self.periods_per_year, ledger.num_trades()),
            last_close=bars.close.item(-1),
            ledger=ledger,
            engine_version=ENGINE_VERSION,
        )

    def summarize(
        self,
        data: Mapping[str, Any] | Bars,
        strategy_func: Callable[[Any], np.ndarray],
        ticker: str = "",
        first_bar: int = 0,
    ) -> PerformanceMetrics:
        """The metrics of `run` and nothing else: the light path for grids, which check their prices once."""
        ledger, bars, _ = self._trade(data, strategy_func, first_bar)
        return measure(ledger.equity_path(bars.close), self.periods_per_year, ledger.num_trades())

    def _trade(
        self, data: Mapping[str, Any] | Bars, strategy_func: Callable[[Any], np.ndarray], first_bar: int
    ) -> tuple[Ledger, Bars, np.ndarray]:
        bars = check_bars(data)
        first_bar = check_first_bar(first_bar, len(bars))
        signals = check_signals(strategy_func(bars.source), len(bars))[first_bar:]
        bars = bars.since(first_bar)
        simulation = Simulation(bars, signals, self._terms, self._stops(bars))
        simulation.walk()
        return simulation.ledger, bars, signals

    @cached_property
    def _terms(self) -> Terms:
        return Terms(
            initial_capital=float(self.initial_capital),
            fee_rate=float(self.fee_rate),
            slippage=float(self.slippage_bps) / 10_000.0,
            position_size=float(self.position_size),
            percent=self.size_type == "percent",
            longshort=self.direction == "longshort",
            next_open=self.fill == "next_open",
            fractional_shares=bool(self.fractional_shares),
        )

    def _stops(self, bars: Bars) -> Stops | None:
        percents = (self.stop_loss_pct, self.take_profit_pct, self.trailing_stop_pct)
        return None if percents == (None, None, None) else Stops(bars, *percents)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not (isinstance(value, str) and value in choices):
        raise ValueError(f"{name}: must be one of {', '.join(choices)}, got {value!r}")


def _check_number(name: str, value: Any, accepted: str, inside: Callable[[float], bool]) -> None:
    # NaN compares false; infinity, and an int too large for a float, are above the largest float.
    is_number = isinstance(value, Real) and not isinstance(value, bool) and value <= sys.float_info.max
    if not (is_number and inside(value)):
        raise ValueError(f"{name}: must be a number {accepted}, got {value!r}")


def _check_optional(name: str, value: Any, accepted: str, inside: Callable[[float], bool]) -> None:
    if value is not None:
        _check_number(name, value, accepted, inside)
