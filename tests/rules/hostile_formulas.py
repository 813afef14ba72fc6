"""Texts that must never become a rule, whatever a person or a program means by them."""

ATTRIBUTES = [
    "close.shape > 1", "close.__class__", "().__class__.__bases__", "sma.__globals__", "close.T > 1", "(1).real > 0",
    "'x'.join(close)", "close .real > 1", "1 .real > 0", "1.0.real > 0", "close.__init__.__globals__ > 1",
    "''.__class__.__mro__", "sma.func_code", "prev(close, 1).base > 1", "close.tofile(1)", "open.read() > 1",
]  # fmt: skip
SUBSCRIPTS = [
    "close[0] > 1", "close[-1] > close", "close[1:] > 1", "[][0]", "{}[0]", "close[close > 1]", "close[[0]] > 1",
    "[close] > 1", "[close, open]", "{close}", "{1: close}", "{**close}", "[*close]", "close[...] > 1", "() > 1",
]  # fmt: skip
CALLS = [
    "sma(close, 5)(1)", "sma(close, 5)()", "(sma)(close, 5) and 1", "close(1) > 1", "print(1)", "eval(close)",
    "exec(close)", "open(close) > 1", "__import__(close)", "getattr(close, sma)", "globals()", "locals()", "vars()",
    "dir()", "type(close)", "input()", "breakpoint()", "exit()", "quit()", "help()", "compile(close)", "sma(*close)",
    "sma(**close)", "sma(close, n=5) > 1", "sma(close, 5, 6) > 1", "sma(close) > 1", "sma() > 1", "sma > 1",
    "rsi(close, 14)(close) > 1", "crosses_above(crosses_above)", "max(*close) > 1", "max(close) > 1",
    "max(close, open, low) > 1", "super()", "memoryview(close)", "(lambda: 1)()", "5(close) > 1", "(close > 1)(1)",
    "sma(sma, 5) > 1", "sma(close, sma) > 1",
]  # fmt: skip
EXPRESSIONS = [
    "lambda: 1", "lambda x: x > 1", "lambda", "f'{close}'", 'f"{close}" > 1', "'text'", '"text"', "b'bytes'",
    "'' > 1", "close > '1'", "(x := close) > 1", "x := close > 1", "[x for x in close]", "{x for x in close}",
    "(x for x in close)", "sum(x for x in close)", "any(x for x in close)", "{x: 1 for x in close}",
    "close if close > 1 else open", "1 if close > 1 else 0", "await close", "yield close", "yield", "yield from close",
    "(yield)", "close, open", "close,", "*close", "*close > 1", "...", "... > 1", "None", "True", "False",
    "close > None", "close > True", "close is open", "close is not open", "close in open", "close not in open",
    "not None", "True and close > 1", "__debug__", "__name__", "__builtins__", "_", "__", "close > _", "-(close > 1)",
    "+(close > 1)", "~close > 1", "~(close > 1)", "close % 2 > 1", "close // 2 > 1", "close ** 2 > 1", "close @ open",
    "close << 2 > 1", "close >> 2 > 1", "close & 1 > 0", "close | 1 > 0", "close ^ 1 > 0", "close <> open",
    "close === open", "close => open", "close =< open", "!close", "close > 1 && open > 1", "close > 1 || open > 1",
    "close > 1 ? 1 : 0", "close > 1;", "close > 1; open > 1", "@close", "$close > 1", "`close` > 1", "close\\\n> 1",
    "close > \\x41", "#", "# only words", "", " ", "\n", "\t", "\n\n\n", "()", "(())", ")", "(", "())", "((close > 1)",
    "close > 1)", "and", "or", "not", "and close", "close and", "close >", "> close", "< >", "==", "=", ",", "+", "1 +",
]  # fmt: skip
STATEMENTS = [
    "import os", "import os\nclose > 1", "from os import path", "from os import *", "x = 1", "x = close",
    "x = close > 1", "x, y = close, open\nx > y", "x = y = close\nx > 1", "(x, y) = close\nx > 1", "[x] = close\nx > 1",
    "x += 1\nclose > 1", "x: int = 1\nclose > 1", "x: int\nclose > 1", "del close\nclose > 1", "assert close > 1",
    "raise close", "return close > 1", "pass", "pass\nclose > 1", "break", "continue", "global close\nclose > 1",
    "nonlocal close\nclose > 1", "if close > 1: close > 1", "for x in close: x > 1", "while close: close > 1",
    "with close: close > 1", "def f(): close > 1", "class A: pass", "try: close > 1", "async def f(): pass",
    "match close:\n case 1: pass", "close > 1\nclose > 2", "close > 1\nx = 2", "x = 1\nx = 2\nclose > x",
    "close = 1\nclose > 1", "sma = 1\nclose > 1", "close.x = 1\nclose > 1", "close[0] = 1\nclose > 1",
    "x = x\nx > 1", "x = y\ny = x\nx > 1", "x > 1\nx = close", "  close > 1", "x = 1\n  close > x",
    "and = 1\nclose > 1",
    "print close", "exec 'x'", "type x = int", "5 = close\nclose > 1", "'x' = 5\nclose > 1", "sma(close, 5) = 1",
    "close > 1 = open", "x = (y = 1)\nclose > x", "x = yield\nclose > 1", "lambda x: x = 1",
]  # fmt: skip
NUMBERS = [
    "close > 1e999", "close > -1e999", "close > 9**9**9", "close > 9**9", "close > 1e15", "close > 1" + "0" * 400,
    "close > " + "9" * 1_900, "close > 1e15 - 1e15 * 2", "close > 1e14 * 1e14", "close > 0x41", "close > 0b1",
    "close > 0o7", "close > 1_000", "close > 1j", "close > 1e", "close > 1e+", "close > 1.2.3", "close > 1..",
    "close > .",
    "close > 00012x", "close > 12abc", "close > 1if 1else 1", "close > 0or close", "close > 1and close > 1",
    "close > nan", "close > inf", "close > infinity", "close > NaN", "close > 1 / 0", "close > 1 / (2 - 2)",
    "close / 0 > 1", "close > 0 / 0", "close > 1 / -0.0", "sma(close, 0) > 1", "sma(close, 1) > 1",
    "sma(close, -5) > 1", "sma(close, 2.5) > 1", "sma(close, 5001) > 1", "sma(close, 1e9) > 1", "sma(close, 1e14) > 1",
    "sma(close, close) > 1", "sma(close, 1 / 3) > 1", "sma(close, close > 1) > 1", "prev(close, -1) > close",
    "prev(close, 0 - 1) > close", "prev(close, 0.5) > close", "prev(close, -0.5) > 1", "change(close, -1) > 0",
    "change(close, 0) > 0", "above_for(close > 1, 0)", "count(close > 1, -3) > 1", "roc(close, -10) > 0",
    "rsi(close, 1) > 1", "macd_line(close, 26, 12) > 0", "macd_line(close, 12, 12) > 0", "sma(5, 5) > 1",
    "rsi(14) < 30", "atr(close, 14) > 1", "crosses_above(1, 2)", "highest(3, 5) > 1", "prev(5) > 1",
    "bars_since(5) > 1",
]  # fmt: skip
TYPES = [
    "close", "close + 1", "sma(close, 5)", "5", "close > open > low and 1", "close and open", "not close",
    "close > 1 and open", "(close > 1) + 1 > 1", "(close > 1) > (open > 1)", "close > (open > 1)", "-(close > 1) > 1",
    "abs(close > 1) > 1", "max(close > 1, 2) > 1", "sma(close > 1, 5) > 1", "above_for(close, 5)",
    "count(close, 5) > 1",
    "latest(close, open)", "latest(close > 1)", "bars_since(close) > 5", "becomes(close)",
    "crosses_above(close > 1, 5)",
    "not crosses_above(close, open) + 1", "1 and 2", "not 1", "prev(close > 1) > 1", "prev(close > 1)",
]  # fmt: skip
UNICODE = [
    "close > 1\u202e", "\u202eclose > 1", "clоse > 1", "close\u00a0> 1", "close > １", "ｃlose > 1", "close ＞ 1",
    "close\u200b > 1", "close > 1\u2028open > 1", "close > 1\x00", "\x00", "close\x0b> 1", "close\x0c> 1",
    "close > 1\r",
    "close\r\n> 1", "close > 1 \x1b[31m", "\ufeffclose > 1", "close > 𝟏", "𝒸lose > 1", "close > 1 # \u202e",
    "clo\u0301se > 1", "\ud800 > 1", "close > ½", "close ≥ 1", "close − 1 > 0", "close × 2 > 1", "naïve = 1\nclose > 1",
    "\x7fclose > 1", "\x08close > 1", "ℯ > 1", "ſma(close, 5) > 1", "close > 1\x85",
]  # fmt: skip
SIZES = [
    "-" * 100 + "1 > close", "not " * 100 + "close > 1",
    "(" * 10_000, "(" * 500 + "close" + ")" * 500 + " > 1", "-" * 1_900 + "1 > close", "not " * 450 + "close > 1",
    "close > 1 and " * 140 + "close > 1", "close" + " + close" * 240 + " > 1", "x" * 2_001, "a" * 1_000_000,
    "close > " + "1 + " * 450 + "1", "sma(" * 300 + "close", "abs(" * 40 + "close" + ")" * 40 + " > 1",
    "\n" * 1_999, " " * 1_999, "#" * 1_999, "1," * 900, "close <" * 250 + " close", "()" * 900,
    "\n".join(f"n{place} = close" for place in range(60)) + "\nclose > 1", "close" * 400, "." * 1_999, "1" * 1_999,
    "=" * 1_999, "\\" * 1_999, "'" * 1_999, "[" * 1_999, "{" * 1_999, "lambda:" * 280, "a=" * 900 + "close > 1",
    "\n".join(["a = close * close", *(f"{chr(98 + n)} = {chr(97 + n)} * {chr(97 + n)}" for n in range(24)),
    "a > 1e16"]),
]  # fmt: skip

HOSTILE = [
    *ATTRIBUTES, *SUBSCRIPTS, *CALLS, *EXPRESSIONS, *STATEMENTS, *NUMBERS, *TYPES, *UNICODE, *SIZES,
]  # fmt: skip
