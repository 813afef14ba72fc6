"""Compilation of a rule's texts, or of the text of one number, to the graph to evaluate; doubts about a graph."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from rules.formula.checker import Checker
from rules.formula.graph import Formula, Kind, Market, Node, Read
from rules.formula.limits import LENGTHS_S
from rules.formula.text import FormulaError, suggest
from rules.parameters import Params

OF_THIS_BAR = (
    "highest and lowest look at this bar, too; prev(highest(…)) is that of the bars before it"
)
Inputs = tuple[tuple[str, float], ...]  # names and values
Reads = dict[str, Sequence[Read]]  # by text
_PRICES = {"Open", "High", "Low", "Close"}
_OF_SESSIONS = {"minute_of_day", "bars_today", "session_open", "today", "vwap_today"}


@lru_cache(maxsize=64)  # a rule is first checked, then built
def compile_formula(
    buy: str, sell: str, inputs: Inputs, timeframe: str = "1d"
) -> tuple[Formula | None, dict[str, FormulaError], Reads]:
    """Return the formula, or None and the faults by text; and what remains to be checked against a market.

    All are shared: do not change. inputs: names and values. timeframe: of the bars, for lookback and warm-up.
    """
    checker, conditions, faults, reads = Checker(dict(inputs), timeframe), {}, {}, Reads()
    for name, text in (("buy", buy), ("sell", sell)):
        try:
            conditions[name] = checker.last_line(text, "condition")
        except FormulaError as error:
            # stored without its frames
            faults[name] = error.with_traceback(None)
        reads[name] = checker.reads
    return None if faults else checker.formula(**conditions), faults, reads


@lru_cache(maxsize=64)  # every leg of a portfolio has the same text
def compile_series(text: str, kind: Kind = "number", inputs: Inputs = ()) -> Formula:
    """Compile the text of one number or condition over bars, as both parts of a formula; FormulaError."""
    return _compile_series(Checker(dict(inputs), "1d"), text, kind)


def _compile_series(checker: Checker, text: str, kind: Kind) -> Formula:
    line = checker.last_line(text, kind)
    return checker.formula(line, line)


def text_faults(full: Params, market: Market | None = None) -> dict[str, FormulaError]:
    """Return the faults of the texts of complete params, by buy and sell; without a market none has columns."""
    compiled = compile_formula(full["buy"], full["sell"], tuple(full["inputs"].items()))
    _, faults, reads = compiled
    first = {name: _first_fault(reads[name], market) or faults.get(name) for name in reads}
    texts = {name: fault for name, fault in first.items() if fault}
    if "buy" in texts and (after := texts.get("sell")) and after.unknown:
        del texts["sell"]  # the name may be one that `buy` assigns
    return texts


def series_fault(
    text: str, kind: Kind = "number", inputs: Inputs = (), market: Market | None = None
) -> FormulaError | None:
    """Return the fault of a text that should be a number, or a condition, over bars, or None."""
    checker, fault = Checker(dict(inputs), "1d"), None
    try:
        _compile_series(checker, text, kind)
    except FormulaError as error:
        fault = error.with_traceback(None)
    return _first_fault(checker.reads, market) or fault


def _first_fault(reads: Sequence[Read], market: Market | None) -> FormulaError | None:
    """Return the first fault of what a text reads in the market; what comes before an error was read, too."""
    for read in reads:
        if message := _read_fault(read, market or Market()):
            unknown = read.name if read.kind == "column" else None
            return FormulaError(message, *read.place, unknown)
    return None


def _read_fault(read: Read, market: Market) -> str | None:
    if read.kind == "timeframe":
        base = market.timeframe
        finer = base and LENGTHS_S[read.name] <= LENGTHS_S[base]
        return f"`{read.name}` is not coarser than the {base} bars of this run" if finer else None
    ticker = read.name if read.kind == "ticker" else read.ticker
    try:
        columns = market.others(ticker) if ticker else market.columns
    except LookupError as error:
        return str(error.args[0])
    if read.kind == "ticker" or read.name.lower() in columns:
        return None
    listed = f"; the further columns of {ticker or 'the ticker'} are {', '.join(columns)}"
    return read.fault + (listed if columns else "") + suggest(read.name, [*columns, *read.names])


def doubts(formula: Formula, timeframe: str) -> Iterator[str]:
    """Yield warnings: both conditions are the same, one of them can never hold, or it asks daily bars for a session."""
    if LENGTHS_S[timeframe] >= LENGTHS_S["1d"]:
        names = {node.op.partition(":")[0] for node in formula.nodes} & _OF_SESSIONS
        if names:
            yield f"{', '.join(sorted(names))}: {timeframe} bars have no session; load bars within a day"
    if formula.buy is formula.sell:
        yield "buy and sell are the same condition: a bar on which both hold has no signal, so there will be no trade"
    for side, condition in (("buy", formula.buy), ("sell", formula.sell)):
        if _never_holds(condition):
            yield f"{side} can never hold: {OF_THIS_BAR}"


def _never_holds(condition: Node) -> bool:
    """Return whether no bar can meet a condition: a value beyond an extreme over bars that include it."""
    if condition.op in ("and", "or"):
        return (any if condition.op == "and" else all)(map(_never_holds, condition.arrays))
    if condition.op not in ("<", ">") or len(condition.arrays) < 2:
        return False
    low, high = condition.arrays if condition.op == "<" else reversed(condition.arrays)
    above = low.op == "highest" and _is_at_most(high, low.arrays[0])
    return above or (high.op == "lowest" and _is_at_most(high.arrays[0], low))


def _is_at_most(one: Node, other: Node) -> bool:
    """Return whether `one` is never above `other`: the same, or prices of a bar of which one is Low or High."""
    return (
        one is other or {one.op, other.op} <= _PRICES and (one.op == "Low" or other.op == "High")
    )
