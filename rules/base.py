"""Base of all rules: catalog entry, lookback, and signals from prices; numpy is loaded for the signals only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar
from zlib import crc32

from rules.parameters import Params, RuleSpec

if TYPE_CHECKING:
    from rules.arrays import Column, Signals
    from rules.formula.graph import Formula
    from rules.prices import Prices

LABEL_CHARACTERS = 64  # the width of the rule_id column


class BaseRule:
    """A rule with complete params; it keeps no state between calls.

    params: free of faults (see RuleSpec.faults); missing ones get their default. timeframe: of the bars that it is for,
    on which lookback and warm-up depend where a formula reads coarser ones.
    """

    spec: ClassVar[RuleSpec]

    def __init__(self, params: Params | None = None, timeframe: str = "1d") -> None:
        self.params, self.timeframe = self.spec.complete(params or {}), timeframe

    @property
    def label(self) -> str:
        """A short name of the rule with its params, such as RSI_14_30_70; at most 64 characters.

        A longer one (a COMPOSITE of many) is cut and ends in the CRC-32 of the whole, so that labels still differ.
        """
        label = self.spec.label(self.params)
        if len(label) <= LABEL_CHARACTERS:
            return label
        return f"{label[: LABEL_CHARACTERS - 9]}~{crc32(label.encode()):08x}"

    def generate_signals(self, data: Mapping[str, Column] | Prices) -> Signals:
        """1 (buy), -1 (sell) or 0 for each bar, int8, shape (bars,); no bar depends on a later one.

        data: data["Open" | "High" | "Low" | "Close" | "Volume"] is a column, oldest bar first: an array or a pandas
        Series; a DataFrame works. Signals are 0 before the first value of the indicators.
        ValueError names a column that the rule needs and that is missing, or has NaN, infinity or another length, and
        the fault of signals that do not have this form.
        """
        from rules.arrays import form_fault  # loads numpy, which the web tier does not need
        from rules.prices import Prices

        prices = data if isinstance(data, Prices) else Prices(data)
        signals = self.signals(prices)
        if fault := form_fault(signals, prices.bars):
            raise ValueError(f"{self.spec.name}: {fault}")
        return signals

    def signals(self, prices: Prices) -> Signals:
        """Return the signals for checked prices, whose indicators may be shared with other rules.

        Evaluates the conditions. A rule may override it with faster code for the same signals, as rules of the catalog
        do: a sweep runs them by the thousand.
        """
        from rules.formula.evaluation import (
            evaluate,  # loads numpy, which the web tier does not need
        )

        return prices.levels(*evaluate(self.formula, prices))

    def lookback(self) -> int:
        """Return the number of bars before the first one on which every part of the rule has a value."""
        return max(self.formula.buy.lookback, self.formula.sell.lookback)

    def warmup_bars(self) -> int:
        """Return how many bars before the first traded one are enough: more of them would not change the signals.

        Windows need their length; recursive smoothing never ends and counts until less than 1e-6 of its seed is left.
        Not counted: a state that lasts until the next signal, such as ATR's direction.
        """
        return max(self.formula.buy.warmup, self.formula.sell.warmup)

    def conditions(self) -> tuple[str, str]:
        """Return buy and sell as texts of FORMULA, which name `inputs`; they give exactly the same signals."""
        buy, sell = self.spec.conditions
        return buy.format_map(self.params), sell.format_map(self.params)

    def others(self) -> list[str]:
        """Return the other tickers whose prices the rule reads."""
        return []

    def inputs(self) -> dict[str, float]:
        """Return the numbers that the texts of the conditions name."""
        return {
            name: value for name, value in self.params.items() if isinstance(value, int | float)
        }

    @cached_property
    def formula(self) -> Formula:
        """The graph of both conditions; FormulaError for params with faults."""
        # not needed by a Job that explains nothing
        from rules.formula.compiling import compile_formula

        inputs = tuple(self.inputs().items())
        formula, faults, _ = compile_formula(*self.conditions(), inputs, self.timeframe)
        if formula is None:
            raise next(iter(faults.values()))
        return formula

    def longest_lookback(self) -> tuple[str, int]:
        """Return the rule's name and lookback; for a vote, those of the member that looks back furthest.

        A part that decides alone may signal earlier: the RSI of RSI_MACD sells, members of a vote outvote the others.
        """
        return self.spec.name, self.lookback()
