"""Reader of a strategy's source: its function, inputs and imports, from the syntax tree; it never runs the code."""

import ast
import re
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rules.formula.limits import LARGEST
from rules.formula.rule import NAME
from rules.parameters import PlacedError

MAX_BYTES = 64 * 2**10  # of UTF-8
MAX_INPUTS = 12  # as many as FORMULA has
FUNCTIONS = ("on_bar", "signals")
FILE_NAME = "<strategy>"  # of the code, in traces and warnings
ALWAYS_ALLOWED = ("__future__",)

Definition = ast.FunctionDef | ast.AsyncFunctionDef


class SourceError(PlacedError):
    """A fault of a strategy's source, with its place."""


@dataclass(frozen=True)
class Import:
    """Import of one module, by its full name, and its place."""

    module: str
    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """A strategy: the function that it defines, its inputs with their defaults, and the modules that it imports.

    function: on_bar, called once a bar, or signals, called with all bars. imports: each module once, in order; the name
    after `from package import` is included where only that module of the package is allowed.
    """

    function: str
    inputs: dict[str, int | float]
    imports: tuple[str, ...]


def read_source(code: str, modules: Collection[str] | None = None) -> Source:
    """Return the function, inputs and imports of a strategy; SourceError for the first fault.

    modules: that may be imported, with the modules inside them; None leaves imports unchecked.
    """
    source, imports = _read(with_newlines(code))
    if modules is not None:
        for each in imports:
            if not _is_allowed(each.module, (*modules, *ALWAYS_ALLOWED)):
                accepted = f"these may be imported: {', '.join(modules)}"
                raise SourceError(f"import of {each.module}: {accepted}", each.line, each.column)
    return source


def with_newlines(code: str) -> str:
    """Return the code with its lines ended as Python counts them, so that a file of Windows is the same strategy."""
    return code.replace("\r\n", "\n").replace("\r", "\n")


def _is_allowed(module: str, modules: Collection[str]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in modules)


@lru_cache(maxsize=64)  # a sweep checks the same code with many inputs
def _read(code: str) -> tuple[Source, tuple[Import, ...]]:
    tree = _parse(code)
    function = _function(tree)
    inputs = _inputs(function, code)
    imports = (*_imports(tree, code),)
    names = tuple(dict.fromkeys(each.module for each in imports))
    return Source(function.name, inputs, names), imports


def _parse(code: str) -> ast.Module:
    """Parse and compile the code, since some faults of syntax show up in the compiler only; nothing is executed."""
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        raise _at_character(error.start, "half of a surrogate pair", code) from None
    if size > MAX_BYTES:
        raise SourceError(f"{size:,} bytes of code are more than {MAX_BYTES:,}", 1, 1)
    if "\0" in code:
        raise _at_character(code.index("\0"), "a NUL character", code)
    # a doubtful escape in a text is no fault; Python would write it to the log of the web tier
    warnings.filterwarnings("ignore", category=SyntaxWarning, module=FILE_NAME)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=FILE_NAME)
    try:
        tree = ast.parse(code, FILE_NAME)
        compile(tree, FILE_NAME, "exec", dont_inherit=True)
    except (MemoryError, RecursionError):
        raise SourceError("expressions or blocks are nested too deep", 1, 1) from None
    except SyntaxError as error:
        line = min(error.lineno or 1, code.count("\n") + 1)
        raise SourceError(error.msg, line, max(error.offset or 1, 1)) from None
    return tree


def _function(tree: ast.Module) -> ast.FunctionDef:
    """Return the one function that the platform calls."""
    defined = [
        node for node in tree.body if isinstance(node, Definition) and node.name in FUNCTIONS
    ]
    if not defined:
        message = "define `def on_bar(bars)`, called once a bar, or `def signals(bars)`, called with all bars"
        raise SourceError(message, 1, 1)
    if len(defined) > 1:
        first, second = defined[:2]
        message = f"`{second.name}` is a second function to call: line {first.lineno} defines `{first.name}`"
        raise SourceError(message, second.lineno, second.col_offset + 1)
    (function,) = defined
    if not isinstance(function, ast.FunctionDef):
        message = f"`{function.name}` is called, not awaited: write def without async"
        raise SourceError(message, function.lineno, function.col_offset + 1)
    return function


def _inputs(function: ast.FunctionDef, code: str) -> dict[str, int | float]:
    """Return the keyword arguments after `bars` with their literal defaults."""
    if fault := _parameter_fault(function):
        node, message = fault
        raise _at(node, message, code)
    arguments = function.args
    inputs = [*arguments.args[not arguments.posonlyargs :], *arguments.kwonlyargs]
    missing = len(inputs) - len(arguments.defaults) - len(arguments.kw_defaults)
    defaults = [*[None] * missing, *arguments.defaults, *arguments.kw_defaults]
    if len(inputs) > MAX_INPUTS:
        raise _at(inputs[MAX_INPUTS], f"more than {MAX_INPUTS} inputs", code)
    return {
        each.arg: _number(each, default, code)
        for each, default in zip(inputs, defaults, strict=True)
    }


def _parameter_fault(function: ast.FunctionDef) -> tuple[ast.AST, str] | None:
    """Return the fault of parameters that are not `bars` and then inputs with names, and its node; or None."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if not positional or positional[0].arg != "bars":
        message = f"the first parameter of `{function.name}` must be `bars`"
        return (positional[0] if positional else function), message
    if extra := arguments.vararg or arguments.kwarg:
        return extra, f"name the inputs one by one, such as fast=20, instead of *{extra.arg}"
    if len(arguments.defaults) == len(positional):
        return arguments.defaults[0], "`bars` has no default: the platform passes it"
    if len(arguments.posonlyargs) > 1:
        return arguments.posonlyargs[1], "an input is passed by name: move the / up"
    return None


def _number(argument: ast.arg, default: ast.expr | None, code: str) -> int | float:
    """Return the literal number that an input has as its default."""
    name, expected = argument.arg, f"a number, such as {argument.arg}=20"
    if not re.fullmatch(NAME, name):
        message = "the name of an input is a letter, then at most 29 letters, digits and _"
        raise _at(argument, message, code)
    if default is None:
        raise _at(argument, f"the input `{name}` needs {expected}", code)
    try:
        value = ast.literal_eval(default)
    except (ValueError, TypeError, MemoryError, RecursionError, SyntaxError):
        raise _at(default, f"the default of `{name}` must be {expected}", code) from None
    if type(value) not in (int, float):
        raise _at(default, f"the default of `{name}` must be {expected}", code)
    if not -LARGEST < value < LARGEST:
        raise _at(default, f"the default of `{name}` must be between -1e15 and 1e15", code)
    number: int | float = value
    return number


def _imports(tree: ast.Module, code: str) -> Iterator[Import]:
    """Yield the imports of the whole code, in the order of its lines."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise _at(node, "there is no package around this code: import by full names", code)
        place = _at(node, "", code)
        for module in _modules(node):
            yield Import(module, place.line, place.column)


def _modules(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif (
        node.module == "rules"
    ):  # a package of the platform, of which some modules may be imported
        yield from (f"rules.{each.name}" for each in node.names)
    else:
        yield str(node.module)


def _at(node: ast.AST, message: str, code: str) -> SourceError:
    """Return a fault at a node, whose column counts characters: a node has it in bytes of UTF-8."""
    line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    before = code.split("\n")[line - 1].encode()[:offset].decode(errors="ignore")
    return SourceError(message, line, len(before) + 1)


def _at_character(place: int, message: str, code: str) -> SourceError:
    line = code.count("\n", 0, place) + 1
    return SourceError(message, line, place - code.rfind("\n", 0, place))
