"""Parser of a formula's text, bounded and over a closed alphabet, to Python's syntax tree; names, faults by place."""

import ast
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.graph import Market
from rules.formula.limits import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, MAX_WORD_CHARACTERS
from rules.parameters import Params, PlacedError

QUOTED_CHARACTERS = 40  # of a part of the formula, in a message
_NAMED = frozenset({*SERIES, *FUNCTIONS})
WORDS = _NAMED | {"and", "or", "not"}

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<joined>[\w.])?|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>\"[\w.^=-]{1,15}\"|'[\w.^=-]{1,15}')"
    r"|(?P<comment>\#[ -~]*)|(?P<operator><=|>=|==|!=|[-+*/<>=(),])|[ \t\n]|(?P<unknown>.)",
    re.ASCII | re.DOTALL,
)
_CONNECTIVES = re.compile(r"\b(?:and|or|not)\b", re.IGNORECASE)
# a function of that name does not exist
_CALLED_NOT = re.compile(r"\bnot(?=\s*\()", re.IGNORECASE)
# hints for characters of other languages
_HINTS = {
    "&": "write `and`", "|": "write `or`", "!": "write `not`", "~": "write `not`", ".": "nothing has parts here",
    "[": "the value n bars before is prev(x, n)", ":": "a name is given with `=`",
    '"': "only a ticker or a timeframe is quoted", "'": "only a ticker or a timeframe is quoted",
    "%": "write 0.05 for 5 %",
    "^": "write x * x", ";": "begin a new line",
}  # fmt: skip


class FormulaError(PlacedError):
    """A fault of a formula, with its place. unknown: the unknown name, if that is the fault."""

    def __init__(self, message: str, line: int, column: int, unknown: str | None = None) -> None:
        super().__init__(message, line, column)
        self.unknown = unknown


@lru_cache(maxsize=256)  # a sweep checks the same text with many inputs
def parse(text: str) -> tuple[ast.stmt, ...]:
    """Parse the lines of a formula, at least one; FormulaError. The tree is shared: do not change it."""
    if len(text) > MAX_CHARACTERS:
        raise FormulaError(f"{len(text):,} characters are more than {MAX_CHARACTERS:,}", 1, 1)
    _check_tokens(text)
    body = _body(text)
    if not body:
        raise FormulaError("a condition is expected, such as close > sma(close, 200)", 1, 1)
    lines = [
        node.lineno for line in body for node in ast.walk(line) if isinstance(node, ast.expr)
    ]
    if len(lines) > MAX_NODES:
        raise FormulaError(
            f"{len(lines)} names, numbers and operations are more than {MAX_NODES}", max(lines), 1
        )
    return tuple(body)


def _body(text: str) -> list[ast.stmt]:
    """Parse the lines as typed, or if that fails with AND, OR and NOT in lower case: OR may also be a name."""
    try:
        return ast.parse(_CALLED_NOT.sub("not", text)).body
    except (MemoryError, RecursionError):
        raise FormulaError(f"more than {MAX_DEPTH} expressions inside each other", 1, 1) from None
    except SyntaxError as error:
        lower_case = _CONNECTIVES.sub(lambda word: word.group().lower(), text)
        if lower_case != text:
            return _body(lower_case)
        raise FormulaError(_syntax_message(error), error.lineno or 1, error.offset or 1) from None


def _check_tokens(text: str) -> None:
    """Raise FormulaError at the first character that no formula has, and at parentheses that are too deep."""
    depth = 0
    for token in _TOKEN.finditer(text):
        kind, place, symbol = token.lastgroup, token.start(), token.group()
        if kind == "unknown":
            raise _at(text, place, _unknown_character(symbol))
        if kind == "joined":
            form = "a number is written like 12, 0.5 or 1e6, and ends before a letter"
            raise _at(text, place, form)
        if kind == "name" and len(symbol) > MAX_WORD_CHARACTERS:
            raise _at(text, place, f"a name has at most {MAX_WORD_CHARACTERS} characters")
        depth += {"(": 1, ")": -1}.get(symbol, 0)
        if depth > MAX_DEPTH:
            raise _at(text, place, f"more than {MAX_DEPTH} parentheses inside each other")


def _unknown_character(character: str) -> str:
    if character == "\r":
        return "`carriage return` has no meaning here: end lines with a newline alone"
    if not " " <= character <= "~":
        code = f"U+{ord(character):04X}"
        return f"the character {code} is not accepted; formulas are plain ASCII text"
    hint = f": {_HINTS[character]}" if character in _HINTS else ""
    return f"`{character}` has no meaning here{hint}"


def _at(text: str, place: int, message: str) -> FormulaError:
    before = text[:place]
    return FormulaError(message, before.count("\n") + 1, place - before.rfind("\n"))


def _syntax_message(error: SyntaxError) -> str:
    """Translate Python's message about the syntax into the words of formulas."""
    message = str(error.msg)
    if message.startswith(("unexpected indent", "unindent", "expected an indented")):
        return (
            "a line begins without spaces; an expression of several lines is put in parentheses"
        )
    if any(each in message for each in ("never closed", "unmatched", "does not match")):
        return message
    return (
        "this is not expected here: a line is `name = expression`, and the last one a condition"
    )


def part_of(text: str, node: ast.expr) -> str:
    """Return the part of the text that a node stands for, as messages quote it."""
    part = " ".join((ast.get_source_segment(text, node) or "").split())
    return part if len(part) <= QUOTED_CHARACTERS else part[: QUOTED_CHARACTERS - 1] + "…"


def filled_texts(params: Params) -> dict[str, str]:
    """Return the texts of complete params with inputs replaced by their values; comments are not changed."""

    def fill(token: re.Match[str]) -> str:
        symbol = token.group()
        is_input = token.lastgroup == "name" and symbol in params["inputs"]
        return f"{params['inputs'][symbol]:.10g}" if is_input else symbol

    return {name: _TOKEN.sub(fill, params[name]) for name in ("buy", "sell")}


def word(name: str) -> str:
    """Return the series or function that a name spells in capitals, CLOSE or Sma; any other name unchanged."""
    return name.lower() if name.lower() in _NAMED else name


def free_names(*texts: str, market: Market | None = None) -> list[str]:
    """Return the names that need inputs, in order: no words of formulas, no columns, and not assigned by a line.

    Columns are those of the market and of the other tickers that the texts name. FormulaError for a text that cannot be
    parsed.
    """
    market = market or Market()
    columns = {*market.columns}
    for ticker in _tickers(texts):
        with suppress(LookupError):
            columns.update(market.others(ticker))
    return [
        name
        for name in open_names(*texts)
        if word(name) not in WORDS and name.lower() not in columns
    ]


def _tickers(texts: Iterable[str]) -> set[str]:
    nodes = (node for text in texts for line in parse(text) for node in ast.walk(line))
    quoted = [each.value for each in nodes if isinstance(each, ast.Constant)]
    return {each.upper() for each in quoted if isinstance(each, str)}


def open_names(*texts: str) -> list[str]:
    """Return the names that may be inputs: those of `free_names`, and words in capitals, which may be inputs, too."""
    names = [name for text in texts for line in parse(text) for name in _names(line)]
    defined = WORDS.union(name.id for name in names if isinstance(name.ctx, ast.Store))
    return list(dict.fromkeys(name.id for name in names if name.id not in defined))


def _names(line: ast.AST) -> list[ast.Name]:
    """Return the names in a line that are not called."""
    nodes = [*ast.walk(line)]
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return [node for node in nodes if isinstance(node, ast.Name) and node not in called]


def suggest(name: str, names: Iterable[str]) -> str:
    """Return the most similar of the names as a question; empty where none is similar."""
    from difflib import get_close_matches  # for a fault only: a Job pays for its imports

    similar = get_close_matches(name.lower(), list(names), 1)
    return f"; did you mean `{similar[0]}`?" if similar else ""
