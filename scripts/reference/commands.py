"""Every command, from its argparse parser or, where it takes no options, its docstring."""

import argparse
import ast
import runpy
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
# fmt: off
PARSED = (
    "scripts/bulk_submit.py", "scripts/autoscale_demo.py", "scripts/verify_mvp.py", "scripts/qa_prices.py",
    "scripts/download_prices.py", "scripts/stuck_jobs.py", "scripts/screenshots.py", "adapters/tokens.py",
    "adapters/prune.py",
)
TOLD = (
    "adapters/schema.py", "consumer/__main__.py", "consumer/local_scaler.py", "consumer/reconciler.py",
    "consumer/draw_charts.py", "scripts/set_image.py", "scripts/fill_secret.py",
)
# fmt: on
_UNTOLD = (argparse._HelpAction, argparse._SubParsersAction)


class _Found(Exception):
    """Ends a command as soon as its parser is known."""


def commands() -> list[dict[str, Any]]:
    """Each command by name: what it is about, its arguments, its parts with theirs."""
    return [*map(_parsed, PARSED), *map(_told, TOLD)]


def _name(file: str) -> str:
    if file.startswith("scripts/"):
        return f"python {file}"
    return f"python -m {file.removesuffix('.py').removesuffix('/__main__').replace('/', '.')}"


def _told(file: str) -> dict[str, Any]:
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {"name": _name(file), "about": ast.get_docstring(module)}


def _parsed(file: str) -> dict[str, Any]:
    parser, parts = _parser(file), []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {each.dest: each.help for each in action._choices_actions}
            parts += [
                (name, helps.get(name) or "", _arguments(sub))
                for name, sub in action.choices.items()
            ]
    about = (parser.description or "").strip()
    return {"name": _name(file), "about": about, "arguments": _arguments(parser), "parts": parts}


def _parser(file: str) -> argparse.ArgumentParser:
    """The parser that a command makes, which then does nothing else."""
    parsers: list[argparse.ArgumentParser] = []

    def found(self: argparse.ArgumentParser, *_: object) -> None:
        parsers.append(self)
        raise _Found

    path = [str(ROOT / "scripts"), *sys.path]
    with (
        patch("argparse.ArgumentParser.parse_args", found),
        patch("sys.argv", [file]),
        patch("sys.path", path),
        patch.dict("os.environ", clear=True),  # some defaults are taken from it
        suppress(_Found),
    ):
        runpy.run_path(str(ROOT / file), run_name="__main__")
    return parsers[0]


def _arguments(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """How each argument is written, and what it means."""
    return [
        _argument(parser, action) for action in parser._actions if not isinstance(action, _UNTOLD)
    ]


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    name = ", ".join(action.option_strings) or action.metavar or action.dest
    value = (
        f" {action.metavar or action.dest.upper()}"
        if action.option_strings and action.nargs != 0
        else ""
    )
    words = argparse.HelpFormatter(parser.prog)._expand_help(action) if action.help else ""
    choices = f" ({', '.join(map(str, action.choices))})" if action.choices else ""
    return f"{name}{value}", f"{words}{choices}"
