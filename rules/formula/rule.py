"""FORMULA: a rule whose conditions are text, an entry of the catalog like any other.

The language is imported where it is needed, so that Jobs of other rules do not load it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zlib import crc32

from rules.base import BaseRule
from rules.formula.limits import LARGEST, MAX_CHARACTERS, MAX_NAME_CHARACTERS
from rules.parameters import FIELD_CHARACTERS, Faults, Json, Params, ParamSpec, RuleSpec, quote

if TYPE_CHECKING:
    from rules.formula.graph import Market

TEXTS = ("buy", "sell")
NAME = f"[A-Za-z][A-Za-z0-9_]{{0,{MAX_NAME_CHARACTERS - 1}}}"  # of an input


class TextParam(ParamSpec):
    """A text; its content is checked together with the other params."""

    def faults(self, value: object, field: str) -> Faults:
        """Return a fault unless it is a text that is not too long."""
        if isinstance(value, str) and len(value) <= MAX_CHARACTERS:
            return {}
        refused = (
            f"a text of {len(value):,} characters" if isinstance(value, str) else quote(value)
        )
        return {field: f"{refused} is not a text of at most {MAX_CHARACTERS:,} characters"}

    def accepted(self) -> Json:
        """Return the schema of a text that is not too long."""
        return {"type": "string", "maxLength": MAX_CHARACTERS}


class InputsParam(ParamSpec):
    """Named numbers, each a number or an object with value and optional bounds, min and max."""

    def faults(self, value: object, field: str) -> Faults:
        """Return the faults of the object, or those of each input under its name."""
        accepted = f"an object of at most {self.maximum:g} names, each with a number or {{value, min, max}}"
        if not isinstance(value, Mapping):
            return {field: f"{quote(value)} is not {accepted}"}
        if len(value) > (self.maximum or 0):
            return {field: f"{len(value)} inputs given; must be {accepted}"}
        by_path = {
            f"{field}.{str(name)[:FIELD_CHARACTERS]}": self.name_fault(name) or _value_fault(each)
            for name, each in value.items()
        }
        return {path: fault for path, fault in by_path.items() if fault}

    def name_fault(self, name: object) -> str | None:
        """Return why a text cannot name this input, or None."""
        from rules.formula.text import WORDS

        if isinstance(name, str) and re.fullmatch(NAME, name) and name not in WORDS:
            return None
        return f"{quote(name)} is no name: a letter, then at most 29 letters, digits and _, and no word of formulas"

    def complete(self, value: Any) -> Json:
        """Return the number of each input by its name."""
        return {
            name: each["value"] if isinstance(each, Mapping) else each
            for name, each in value.items()
        }

    def accepted(self) -> Json:
        """Return the schema of an object of so many names and numbers."""
        number = {"type": "number", "exclusiveMinimum": -LARGEST, "exclusiveMaximum": LARGEST}
        bounded = {
            "type": "object",
            "properties": {"value": number, "min": number, "max": number},
            "required": ["value"],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "maxProperties": self.maximum,
            "propertyNames": {"pattern": f"^{NAME}$"},
            "additionalProperties": {"anyOf": [number, bounded]},
        }


def _value_fault(value: Any) -> str | None:
    parts: Params = value if isinstance(value, Mapping) else {"value": value}
    if not {"value"} <= set(parts) <= {"value", "min", "max"}:
        return "an input is a number, or an object with value, min and max"
    for part in parts.values():
        if type(part) not in (int, float) or not -LARGEST < part < LARGEST:
            return f"{quote(part)} is not a number between -1e15 and 1e15"
    least, number, most = parts.get("min", -LARGEST), parts["value"], parts.get("max", LARGEST)
    if least <= number <= most:
        return None
    return f"{quote(number)} is out of range: must be from {least:,.10g} to {most:,.10g}"


class FormulaSpec(RuleSpec):
    """Entry of FORMULA: its params are only valid together. Without params the rule is its example."""

    def faults(
        self, params: object, path: str = "params", market: Market | None = None
    ) -> Faults:
        """Return the faults by field; that of a text quotes the place in it."""
        faults = super().faults(params, path)
        if faults or not params:
            return faults
        mapping: Any = params
        together = self._faults_together(mapping, market)
        return {f"{path}.{field}": fault for field, fault in together.items()}

    def _faults_together(self, params: Params, market: Market | None) -> Faults:
        """Return the faults of params each of which is valid by itself."""
        if missing := [name for name in TEXTS if name not in params]:
            return dict.fromkeys(
                missing, "required: a condition, such as close > sma(close, 200)"
            )
        from rules.formula.compiling import text_faults

        full = self.complete(params)
        if errors := text_faults(full, market):
            return {name: error.with_place(full[name]) for name, error in errors.items()}
        from rules.formula.text import open_names

        used = open_names(*(full[name] for name in TEXTS))
        # a sweep over an input that no text names would repeat the same run
        unused = [name for name in full["inputs"] if name not in used]
        return {f"inputs.{name}": f"neither buy nor sell names {name}" for name in unused}

    def complete(self, params: Params) -> Json:
        """Fill in defaults as RuleSpec.complete does; with texts but no inputs there are no inputs."""
        return super().complete({"inputs": {}, **params} if params else params)

    def label(self, params: Params) -> str:
        """Return the inputs and the CRC-32 of the texts, such as FORMULA_12_26~1a2b3c4d."""
        numbers = [f"{number:.10g}" for number in params["inputs"].values()]
        texts = "\0".join(params[name] for name in TEXTS)
        return f"{'_'.join([self.name, *numbers])}~{crc32(texts.encode()):08x}"

    def schema(self) -> Json:
        """JSON Schema of the params, with all series and functions that a text can name."""
        from rules.formula.functions import FUNCTIONS, SERIES

        series = ", ".join(SERIES)
        functions = ", ".join(each.signature for each in FUNCTIONS.values())
        language = f"Numbers, inputs, + - * /, comparisons, and, or, not; on each bar: {series}; functions: {functions}"
        required = {name: list(TEXTS) for name in (*TEXTS, "inputs")}
        return super().schema() | {"description": language, "dependentRequired": required}


class FormulaRule(BaseRule):
    """Two conditions as text over shared parts, each true, false or unknown on a bar; unknown is never a signal."""

    spec = FormulaSpec(
        "FORMULA",
        "Your own rule",
        "Buys and sells where the conditions that you write hold.",
        "formula",
        (
            TextParam(
                "text",
                "buy",
                "crosses_above(ema(close, fast), ema(close, slow)) and rsi(close, 14) < 70",
                help="Lines of `name = expression`, then a condition; where it holds is the buy signal",
            ),
            TextParam(
                "text",
                "sell",
                "crosses_below(ema(close, fast), ema(close, slow)) or close < highest(high, 22) - 3 * atr(22)",
                help="The same for the sell signal; names given in buy are known here",
            ),
            InputsParam(
                "inputs",
                "inputs",
                {
                    "fast": {"value": 12, "min": 2, "max": 100},
                    "slow": {"value": 26, "min": 3, "max": 300},
                },
                0,
                12,
                help="Numbers that the texts name, each a number or {value, min, max}; swept as inputs.name",
            ),
        ),
        "the buy text holds",
        "the sell text holds",
        "yours; the language is on the page about rules",
        conditions=("{buy}", "{sell}"),
        short="Own rule",
    )

    def inputs(self) -> dict[str, float]:
        return dict(self.params["inputs"])

    def others(self) -> list[str]:
        steps = {step for node in self.formula.nodes for step in node.frame}
        return sorted({step[1] for step in steps if step[0] == "of"})
