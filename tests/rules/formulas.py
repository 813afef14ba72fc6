"""Formulas for tests: built in one call, written at random, and the built-in rules as formulas."""

from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.graph import REDUCERS
from rules.registry import build_rule


def formula(buy, sell="close < 0", market=None, **inputs):
    """The rule of these texts."""
    return build_rule("FORMULA", {"buy": buy, "sell": sell, "inputs": inputs}, market)


class Writer:
    """Writes formulas that the checker accepts; `draw` is a random.Random.

    columns, tickers, timeframes: that texts may name; a coarser timeframe's expression names no coarser one.
    """

    def __init__(self, draw, columns=(), tickers=(), timeframes=()):
        self._draw, self._columns = draw, columns
        self._quoted = {"ticker": tickers, "timeframe": timeframes}
        self._functions = [
            each
            for each in FUNCTIONS.values()
            if all(self._quoted.get(argument.kind, True) for argument in each.arguments)
        ]

    def condition(self, depth=3):
        """A condition, of parts at most `depth` deep."""
        if depth == 0:
            return f"{self.series(0)} {self._draw.choice(['<', '>=', '!='])} {self.series(0)}"
        kind = self._draw.randrange(5)
        if kind == 0:
            return f"({self.condition(depth - 1)} {self._draw.choice(['and', 'or'])} {self.condition(depth - 1)})"
        if kind == 1:
            return f"(not {self.condition(depth - 1)})"
        if kind == 2:
            low, high = self.series(depth - 1), self.series(depth - 1)
            return f"{low} {self._draw.choice(['<', '<=', '>', '>='])} {high}"
        return self._call("condition", depth)

    def series(self, depth=3):
        """A number on each bar."""
        kind = self._draw.randrange(4) if depth else 0
        if kind == 0:
            return self._draw.choice([*SERIES, *self._columns])
        if kind == 1:
            return (
                f"({self.series(depth - 1)} {self._draw.choice('+-*/')} {self.series(depth - 1)})"
            )
        return self._call("number", depth)

    def _call(self, result, depth):
        function = self._draw.choice(
            [
                each
                for each in self._functions
                if each.result == result or each.name in ("on", "of")
            ]
        )
        timeframes = self._quoted["timeframe"]
        if function.name == "on" and not timeframes:
            return self.condition(depth - 1) if result == "condition" else self.series(depth - 1)
        if function.name == "on":
            self._quoted["timeframe"] = ()
            inner = self.condition(depth - 1) if result == "condition" else self.series(depth - 1)
            self._quoted["timeframe"] = timeframes
            return f'on("{self._draw.choice(timeframes)}", {inner})'
        if function.name == "of":
            inner = self.condition(depth - 1) if result == "condition" else self.series(depth - 1)
            days = self._draw.choice(["", ", 2", ", 0.5"])
            return f'of("{self._draw.choice(self._quoted["ticker"])}", {inner}{days})'
        arguments = [self._argument(each, depth - 1) for each in function.arguments]
        if function.computed_by == "macd":
            arguments[1:] = ["3", "7", "4"]
        return f"{function.name}({', '.join(arguments)})"

    def _argument(self, argument, depth):
        if argument.kind == "condition":
            return self.condition(depth)
        if argument.kind == "reducer":
            return self._draw.choice(REDUCERS)
        if argument.kind == "bars":
            return str(self._draw.randint(argument.least, 12))
        return (
            f"{self._draw.uniform(0.5, 3):.2f}"
            if argument.kind == "value"
            else self.series(depth)
        )
