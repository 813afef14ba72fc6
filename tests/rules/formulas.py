"""Formulas for tests: built in one call, written at random, and the built-in rules as formulas."""

from rules.formula.functions import FUNCTIONS, SERIES
from rules.registry import build_rule


def formula(buy, sell="close < 0", **inputs):
    """The rule of these texts."""
    return build_rule("FORMULA", {"buy": buy, "sell": sell, "inputs": inputs})


class Writer:
    """Writes formulas that the checker accepts; `draw` is a random.Random."""

    def __init__(self, draw):
        self._draw = draw

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
            return self._draw.choice([*SERIES])
        if kind == 1:
            return f"({self.series(depth - 1)} {self._draw.choice('+-*/')} {self.series(depth - 1)})"
        return self._call("number", depth)

    def _call(self, result, depth):
        function = self._draw.choice([each for each in FUNCTIONS.values() if each.result == result])
        arguments = [self._argument(each, depth - 1) for each in function.arguments]
        if function.computed_by == "macd":
            arguments[1:] = ["3", "7", "4"]
        return f"{function.name}({', '.join(arguments)})"

    def _argument(self, argument, depth):
        if argument.kind == "condition":
            return self.condition(depth)
        if argument.kind == "bars":
            return str(self._draw.randint(argument.least, 12))
        return f"{self._draw.uniform(0.5, 3):.2f}" if argument.kind == "value" else self.series(depth)


def as_formula(rule_type, p):
    """Buy and sell of a built-in rule with complete params `p`; text that names no inputs."""
    lines = f"macd_line(close, {p.get('fast')}, {p.get('slow')}, {p.get('signal')})"
    signal = lines.replace("line", "signal")
    if rule_type == "RSI":
        return f"rsi(close, {p['period']}) < {p['oversold']}", f"rsi(close, {p['period']}) > {p['overbought']}"
    if rule_type == "MACD":
        return f"crosses_above({lines}, {signal})", f"crosses_below({lines}, {signal})"
    if rule_type == "RSI_MACD":
        buy = f"s = rsi(close, {p['period']})\ncrosses_above({lines}, {signal}) and s < {p['overbought']}"
        return buy, f"crosses_below({lines}, {signal}) or s > {p['overbought']}"
    if rule_type == "MA_CROSS":
        fast, slow = (f"{p['kind']}(close, {p[each]})" for each in ("fast", "slow"))
        return f"crosses_above({fast}, {slow})", f"crosses_below({fast}, {slow})"
    if rule_type == "BOLLINGER":
        band = f"(close, {p['period']}, {p['width']})"
        return f"close < bollinger_lower{band}", f"close > bollinger_upper{band}"
    if rule_type == "VOLUME":
        spike = f"spike = volume > {p['multiple']} * prev(sma(volume, {p['period']}))\n"
        return f"{spike}spike and close > prev(close)", "spike and close < prev(close)"
    if rule_type == "TREND":
        crosses = f"(plus_di({p['period']}), minus_di({p['period']})) and adx({p['period']}) > {p['threshold']}"
        return f"crosses_above{crosses}", f"crosses_below{crosses}"
    if rule_type == "ATR":
        n, reach = p["period"], f"reach = {p['multiple']} * atr({p['period']})\n"
        turns = f"rises = latest(close > lowest(close, {n}) + reach, close < highest(close, {n}) - reach)\n"
        return f"{reach}{turns}becomes(rises)", "becomes(not rises)"
    return as_paper_formula(rule_type, p)


def as_paper_formula(rule_type, p):
    limit = p.get("threshold", 0.0)
    if rule_type == "MOMENTUM":
        past = f"then = prev(close, {p['lookback']})\nnow = prev(close, {p['skip']})\n"
        return f"{past}now > then * (1 + {limit} / 100)", f"now < then * (1 - {limit} / 100)"
    if rule_type == "VALUE":
        delay = p["lookback"] - (p["average"] - 1) // 2
        old = f"old = prev(sma(close, {p['average']}), {delay})\n"
        return f"{old}old > close * (1 + {limit} / 100)", f"old < close * (1 - {limit} / 100)"
    if rule_type == "MEAN_REVERSION":
        last, n = f"r = close / prev(close, {p['lookback']}) - 1\n", p["window"]
        return f"{last}r < sma(r, {n}) - {limit} * stdev(r, {n})", f"r > sma(r, {n}) + {limit} * stdev(r, {n})"
    n, band = p["lookback"], f"{p['band']} / 100"
    return f"close > prev(highest(close, {n})) * (1 + {band})", f"close < prev(lowest(close, {n})) * (1 - {band})"
