"""PYTHON: a rule whose code a user writes, an entry of the catalog like any other; a Job evaluates it, sealed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

from rules.base import BaseRule
from rules.formula.rule import NAME, InputsParam
from rules.parameters import Faults, Json, Params, ParamSpec, RuleSpec, quote
from rules.python.source import MAX_BYTES, MAX_INPUTS, SourceError, read_source, with_newlines

if TYPE_CHECKING:
    from rules.arrays import Signals
    from rules.formula.graph import Market
    from rules.prices import Prices
    from rules.python.source import Source

EXAMPLE = '''"""Moving-average cross"""


def on_bar(bars, fast=20, slow=50):
    if len(bars) <= slow:
        return 0
    before, now = (
        bars.close[end - fast : end].mean() - bars.close[end - slow : end].mean()
        for end in (len(bars) - 1, len(bars))
    )
    plot("fast", bars.close[-fast:].mean())
    plot("slow", bars.close[-slow:].mean())
    if before <= 0 < now:
        return 1
    if before >= 0 > now:
        return -1
    return 0
'''


class CodeParam(ParamSpec):
    """The code of a strategy; its content is checked by PythonSpec."""

    def faults(self, value: object, field: str) -> Faults:
        """Return a fault unless it is a text; its size is a fault of the source."""
        return {} if isinstance(value, str) else {field: f"{quote(value)} is not a text of code"}

    def complete(self, value: Any) -> str:
        """End the lines as Python counts them."""
        return with_newlines(value)

    def accepted(self) -> Json:
        """Return the schema of a text that is not too long."""
        return {"type": "string", "maxLength": MAX_BYTES}


class KeywordsParam(InputsParam):
    """Values of keyword arguments; PythonSpec checks that the code declares them."""

    def name_fault(self, name: object) -> str | None:
        """Return why a text cannot name an input, or None."""
        is_name = isinstance(name, str) and re.fullmatch(NAME, name)
        return None if is_name else f"{quote(name)} is not the name of an input"


class PythonSpec(RuleSpec):
    """Entry of PYTHON: inputs are valid if the code declares them. Without params the rule is its example."""

    def faults(
        self, params: object, path: str = "params", market: Market | None = None
    ) -> Faults:
        """Return the faults by field; that of the code quotes the place in it. Imports are not checked here."""
        faults = super().faults(params, path)
        if faults or not params:
            return faults
        mapping: Any = params
        if "code" not in mapping:
            return {f"{path}.code": "required: `def on_bar(bars)` or `def signals(bars)`"}
        code = with_newlines(mapping["code"])
        try:
            source = read_source(code)
        except SourceError as error:
            return {f"{path}.code": error.with_place(code)}
        unused = [name for name in mapping.get("inputs", {}) if name not in source.inputs]
        has = ", ".join(source.inputs) or "none"
        message = f"`{source.function}` has no such input; it has: {has}"
        return {f"{path}.inputs.{name}": message for name in unused}

    def complete(self, params: Params) -> Json:
        """Return code and inputs, those that are not set with the code's defaults, in the order of the code.

        A whole number of an input stays whole, or becomes a float, as its default is.
        """
        full = super().complete(params)
        declared = read_source(full["code"]).inputs
        values = {name: full["inputs"].get(name, default) for name, default in declared.items()}
        return full | {
            "inputs": {name: _of_kind(value, declared[name]) for name, value in values.items()}
        }

    def label(self, params: Params) -> str:
        """Return the inputs and the CRC-32 of the code, such as PYTHON_20_50~1a2b3c4d."""
        numbers = [f"{number:.10g}" for number in params["inputs"].values()]
        return f"{'_'.join([self.name, *numbers])}~{crc32(params['code'].encode()):08x}"


def _of_kind(value: float, default: float) -> float:
    """Return a number as an int or a float, like the default, unless that would change it."""
    if isinstance(default, float):
        return float(value)
    return int(value) if float(value).is_integer() else value


class Evaluator(Protocol):
    """Evaluation of a strategy's code, which only a Job can do."""

    def __call__(self, rule: PythonRule, prices: Prices) -> Signals:
        """Return the signals of the rule, int8, (bars,); PlatformError for faults of the code."""


class PythonRule(BaseRule):
    """A strategy in Python. Its signals come from `evaluator`, which a Job sets."""

    evaluator: Evaluator | None = None

    spec = PythonSpec(
        "PYTHON",
        "Python",
        "Buys and sells where your function in Python says so; it runs sealed, and never sees a later bar.",
        "formula",
        (
            CodeParam(
                "code",
                "code",
                EXAMPLE,
                help="Defines on_bar(bars), called once a bar, or signals(bars), called with all bars; at most 64 KB",
            ),
            KeywordsParam(
                "inputs",
                "inputs",
                {},
                0,
                MAX_INPUTS,
                help="Keyword arguments of the function, each a number or {value, min, max}; swept as inputs.name",
            ),
        ),
        "the function returns 1",
        "the function returns -1",
        "yours; see the page about Python",
    )

    @property
    def source(self) -> Source:
        """The function, inputs and imports of the code."""
        return read_source(self.params["code"])

    def signals(self, prices: Prices) -> Signals:
        """Return the signals that the code gives, one bar after the other."""
        if self.evaluator is None:
            raise ValueError("PYTHON: the code runs in the sealed process of a Job, not here")
        return self.evaluator(self, prices)

    def inputs(self) -> dict[str, float]:
        return dict(self.params["inputs"])

    def lookback(self) -> int:
        """Return 0: code does not say how far it looks back."""
        return 0

    def warmup_bars(self) -> int:
        """Return 0: the function is called on all bars before the first traded one, too."""
        return 0
