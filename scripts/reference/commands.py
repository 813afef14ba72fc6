"""Commands, from their argparse parsers or, without options, from their docstrings."""

import argparse
import ast
import runpy
import sys
from contextlib import suppress
from unittest.mock import patch

from adapters.settings import PROJECT_ROOT
from contracts.values import Json

# fmt: off
PARSED = (
    "scripts/bulk_submit.py", "scripts/autoscale_demo.py", "scripts/verify_mvp.py", "scripts/qa_prices.py",
    "scripts/download_prices.py", "scripts/stuck_jobs.py", "docs/tools/screenshots.py", "adapters/tokens.py",
    "adapters/prune.py",
)
DOCSTRINGS = (
    "adapters/schema.py", "consumer/__main__.py", "consumer/local_scaler.py", "consumer/reconciler.py",
    "consumer/kinds/draw_charts.py", "scripts/set_image.py", "scripts/fill_secret.py",
)
# fmt: on
_LEFT_OUT = (argparse._HelpAction, argparse._SubParsersAction)


def commands() -> list[Json]:
    """Return each command with its description, its arguments, and its subcommands with theirs."""
    return [*map(_from_parser, PARSED), *map(_from_docstring, DOCSTRINGS)]


def _name(file: str) -> str:
    if file.startswith("scripts/"):
        return f"python {file}"
    return f"python -m {file.removesuffix('.py').removesuffix('/__main__').replace('/', '.')}"


def _from_docstring(file: str) -> Json:
    module = ast.parse((PROJECT_ROOT / file).read_text("utf-8"))
    return {"name": _name(file), "about": ast.get_docstring(module)}


def _from_parser(file: str) -> Json:
    parser = _parser(file)
    parts = [
        (part.dest, part.help, _arguments(action.choices[part.dest]))
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for part in action._choices_actions
    ]
    about = (parser.description or "").strip()
    return {"name": _name(file), "about": about, "arguments": _arguments(parser), "parts": parts}


def _parser(file: str) -> argparse.ArgumentParser:
    """Run a command up to parse_args and return its parser."""
    with (
        patch(
            "argparse.ArgumentParser.parse_args", autospec=True, side_effect=SystemExit
        ) as parse_args,
        patch("sys.path", [str(PROJECT_ROOT / "scripts"), *sys.path]),
        patch.dict("os.environ", clear=True),  # some defaults come from it
        suppress(SystemExit),
    ):
        runpy.run_path(str(PROJECT_ROOT / file), run_name="__main__")
    parser: argparse.ArgumentParser = parse_args.call_args.args[0]
    return parser


def _arguments(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """Return the spelling and the meaning of each argument."""
    return [
        _argument(parser, action)
        for action in parser._actions
        if not isinstance(action, _LEFT_OUT)
    ]


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    name = ", ".join(action.option_strings) or action.metavar or action.dest
    if action.option_strings and action.nargs != 0:
        name = f"{name} {action.metavar or action.dest.upper()}"
    words = argparse.HelpFormatter(parser.prog)._expand_help(action) if action.help else ""
    choices = f" ({', '.join(map(str, action.choices))})" if action.choices else ""
    return str(name), f"{words}{choices}"
