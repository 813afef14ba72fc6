"""Signals of the strategies in Python of one Job, with the receipt and the lines of the latest."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import takewhile

import numpy as np

from adapters.runs.explanations import RunLines
from adapters.settings import Settings
from consumer.sealed.evaluation import Evaluation, EvaluationRun, Outcome, changes_of
from consumer.sealed.interpreter import Interpreter
from contracts.errors import CodeError, CodeOutOfMemory, PlatformError
from contracts.values import Json
from rules.arrays import Array, Signals
from rules.base import BaseRule
from rules.prices import Prices
from rules.python.rule import PythonRule
from rules.python.source import with_newlines

CHECK_SHARE = 1.8  # time of all checks of `signals`, by that for start and signals without them
MAX_SIGNALS = 32_000_000  # of combinations that are evaluated together

Inputs = tuple[tuple[str, float], ...]
Key = tuple[str, Inputs]  # code and inputs of a rule


def _key_of(rule: BaseRule) -> Key:
    return rule.params["code"], tuple(rule.inputs().items())


class Evaluator:
    """Signals of the rules of one Job, whose code runs in a process of its own."""

    def __init__(self, settings: Settings, check_share: float = CHECK_SHARE) -> None:
        self._settings, self._check_share = settings, check_share
        self._started: Interpreter | None = None
        self._expected = list[Key]()
        self._outcomes: dict[Key, Outcome] = {}
        self._prices: Prices | None = None
        self.latest: Evaluation | None = None

    def __enter__(self) -> "Evaluator":
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def start(self, code: str) -> Interpreter:
        """Return the process of the code, and end that of other code; BadParams for code that may not run here."""
        code = with_newlines(code)
        if self._started is None or self._started.code != code:
            self._end()
            self._started = Interpreter(code, self._settings)
        return self._started

    def _end(self) -> None:
        if self._started:
            self._started.close()
            self._started = None

    def expect(self, rules: Sequence[BaseRule]) -> None:
        """Let rules that will be evaluated one after the other share their way through the bars."""
        self._expected = list(dict.fromkeys(map(_key_of, rules)))

    def __call__(self, rule: PythonRule, prices: Prices, first_bar: int = 0) -> Signals:
        """Return the signals of a rule; PlatformError for faults of its code. first_bar: the first traded one."""
        key = _key_of(rule)
        if prices is not self._prices or key not in self._outcomes:
            self._prices, together = prices, self._together(key, len(prices["Close"]))
            try:
                self._outcomes = self._evaluate(together, prices, first_bar)
            except (CodeError, CodeOutOfMemory):
                if len(together) == 1:
                    raise
                # another one may have failed
                self._outcomes = self._evaluate([key], prices, first_bar)
        outcome = self._outcomes[key]
        if isinstance(outcome, PlatformError):
            raise outcome
        return outcome

    def _evaluate(
        self, together: Sequence[Key], prices: Prices, first_bar: int
    ) -> dict[Key, Outcome]:
        """Evaluate rules with the same code."""
        interpreter = self.start(together[0][0])
        inputs = [dict(each) for _, each in together]
        run = EvaluationRun(interpreter, inputs, prices, first_bar, self._check_share)
        outcomes = dict(zip(together, run.outcomes(), strict=True))
        self.latest = run.evaluation
        return outcomes

    def _together(self, key: Key, bars: int) -> Sequence[Key]:
        """Return the rule and those with its code that are expected next, unless they would share random numbers."""
        code = key[0]
        if key not in self._expected or "random" in self.start(code).words:
            return [key]
        rest = self._expected[self._expected.index(key) :]
        same = [*takewhile(lambda each: each[0] == code, rest)]
        return same[: max(1, MAX_SIGNALS // bars)]

    def receipt(self, first_bar: int) -> Json:
        """Describe how the latest rule was run and checked, and what it printed; bars count from `first_bar`."""
        latest, interpreter = self._evaluated()
        checked = None
        if latest.checked is not None:
            kinds = {
                "signals": latest.signals != 0,
                "changes": changes_of(latest.signals),
                "zeros": latest.signals == 0,
            }
            checked = {}
            for name, kind in kinds.items():
                checked[name] = int((kind & latest.checked)[first_bar:].sum())
                checked[f"of_{name}"] = int(kind[first_bar:].sum())
        return {
            "code_sha256": sha256(interpreter.code.encode()).hexdigest(),
            "function": interpreter.function,
            "sealed": interpreter.is_sealed,
            "mode": "streamed" if checked is None else "checked",
            "checked": checked,
            "versions": interpreter.versions,
            "printed": [
                (None if bar is None or bar < first_bar else bar - first_bar, text)
                for bar, text in latest.printed
            ],
            "printed_cut": latest.room <= 0,
        }

    def lines(self, first_bar: int, low: Array, high: Array) -> RunLines | None:
        """Return the lines that the latest rule plotted on the traded bars; None where it plotted none."""
        values = {name: line[first_bar:] for name, line in self._evaluated()[0].lines.items()}
        head: list[Json] = [
            {
                "name": name, "pane": "price" if _is_price(line, low, high) else "below",
                "group": "price" if _is_price(line, low, high) else name, "levels": [],
            }
            for name, line in values.items()
        ]  # fmt: skip
        return RunLines({"lines": head}, [*values.values()], []) if values else None

    def _evaluated(self) -> tuple[Evaluation, Interpreter]:
        if self.latest is None or self._started is None:
            raise ValueError("no rule was evaluated")
        return self.latest, self._started


def _is_price(line: Array, low: Array, high: Array) -> bool:
    """Tell whether a line belongs to the prices: within a factor of two of them."""
    has_value = np.isfinite(line)
    return bool(
        has_value.any()
        and line[has_value].min() >= low[has_value].min() / 2
        and line[has_value].max() <= high[has_value].max() * 2
    )
