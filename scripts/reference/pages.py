"""Contents of the generated pages: the API from its OpenAPI document, commands, database tables, settings."""

import argparse
import ast
import json
import re
import runpy
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, get_args
from unittest.mock import patch

from flask import Flask
from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from adapters.declarations import Subject, rows_of, tables_of
from adapters.grants import rights_on
from adapters.settings import PROJECT_ROOT, Settings
from contracts.values import Json
from web import create_app
from web.documents.openapi import description_of
from web.security import required_scope

RUN = {"ticker": "AAPL", "rule_type": "RSI", "start_date": "2004-01-01", "end_date": "2006-12-31"}
# addresses of a run and of each kind of plan
RESULTS = (
    "runs/{run_id}",
    "batches/{batch_id}",
    "screens/{screen_id}",
    "studies/{study_id}",
    "portfolios/{portfolio_id}",
)
BODIES: Json = {
    "POST /run_backtest": RUN,
    "POST /api/runs/bulk": [RUN | {"params": {"period": period}} for period in (7, 14)],
    "POST /api/batches": {
        "name": "three",
        "base": RUN,
        "parameters": {"period": {"min": 7, "max": 21, "step": 7}},
    },
    "POST /api/screens": {"name": "two", "base": RUN, "parameters": {"period": [7, 14]}},
    **{f"PUT /api/{each}/note": {"text": "trend only; fails in 2008"} for each in RESULTS},
    "POST /api/runs/tags": {"run_ids": ["$RUN_ID"], "add": ["trend"]},
    **{
        f"PUT /api/{each}/title": {"title": "my best"}
        for each in (
            "runs/{run_id}",
            "batches/{batch_id}",
            "studies/{study_id}",
            "portfolios/{portfolio_id}",
        )
    },
    **{
        f"POST /api/runs/{change}": {"run_ids": ["$RUN_ID"]}
        for change in ("cancel", "retry", "delete")
    },
    "POST /api/rules/check": {
        "rule_type": "RSI",
        "params": {"period": 1},
        "ticker": "AAPL",
        "timeframe": "1d",
        "end_date": "2013-03-01",
    },
    "PUT /api/vaults/{ticker}": {"from_date": "2011-01-01"},
    "POST /api/strategies": {"name": "my first", "request": RUN},
    "PUT /api/strategies/{preset_id}": {"request": RUN | {"fee_rate": 0.002}},
    "POST /api/studies": {
        "kind": "holdout",
        "base": RUN | {"end_date": "2012-12-31"},
        "combinations": [{"period": 7}, {"period": 14}],
    },
    "POST /api/portfolios": {
        "legs": [{"ticker": ticker, "rule_type": "RSI"} for ticker in ("AAPL", "IBM")],
        **{name: RUN[name] for name in ("start_date", "end_date")},
        "max_positions": 1,
    },
    "POST /api/portfolios/study": {
        "base": {
            "tickers": ["AAPL", "IBM", "MSFT"],
            **{name: RUN[name] for name in ("start_date", "end_date")},
        },
        "portfolio": {"mode": "ranked", "score": "roc(close, 60)", "rebalance": "monthly"},
        "parameters": {"top": [1, 2]},
        "study": {"kind": "holdout"},
    },
    "POST /api/portfolios/batch": {
        "base": {
            "tickers": ["AAPL", "IBM", "MSFT"],
            **{name: RUN[name] for name in ("start_date", "end_date")},
        },
        "portfolio": {"mode": "ranked", "score": "roc(close, 60)", "rebalance": "monthly"},
        "parameters": {"top": [1, 2]},
    },
}
QUERIES = {
    "GET /api/curves": "?run=$RUN_ID",
    "POST /api/runs/bulk": "?batch_id=two",
    "POST /api/runs/delete": "?dry_run=true",
    **{
        f"DELETE /api/{each}": "?dry_run=true"
        for each in (*RESULTS, "robustness/{robustness_id}", "prices/{ticker}/{timeframe}")
    },
}
SAMPLES = {
    "ticker": "AAPL",
    "timeframe": "1d",
    "name": "equity_curve",
    "batch_id": "two",
    "preset_id": "1",
}
UPLOAD = "-T data/AAPL.csv "  # of PUT /api/prices
UUID = "00000000-0000-4000-8000-000000000000"
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def operations() -> Json:
    """Return every route and the schemas that they name, for their template."""
    app = create_app(Settings(database_url="sqlite://"))
    document = description_of(app)
    schemas = document["components"]["schemas"]
    routes = [
        _operation(app, method.upper(), path, each)
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    ]
    listed = {name: schema for name, schema in schemas.items() if _is_listed(name)}
    return {"routes": routes, "schemas": listed, "type_of": type_of}


def _is_listed(name: str) -> bool:
    return not name.endswith(("Params", "OfBatch"))  # those are in rules.md, and in portfolios.md


def _operation(app: Flask, method: str, path: str, each: Json) -> Json:
    route, ids = f"{method} {path}", defaultdict(lambda: UUID, SAMPLES | {"data_hash": "0" * 64})
    with app.test_request_context(path.format_map(ids), method=method):
        scope = required_scope()
    anchor = re.sub(r"[^\w -]", "", route).lower().replace(" ", "-")
    texts = {"route": route, "anchor": anchor, "command": _command(route)}
    return each | texts | {"scope": f"`{scope}`" if scope else "everybody"}


def _command(route: str) -> str:
    """Format a curl command for a route, with ids from the variables that the page sets first."""
    method, path = route.split()
    address = re.sub(r"{(\w+)}", lambda name: SAMPLES.get(name[1], f"${name[1].upper()}"), path)
    sent = UPLOAD if method == "PUT" else f"-X {method} " if method != "GET" else ""
    if route in BODIES:
        sent = f"-X {method} " if method == "PUT" else ""
        body = shlex.quote(json.dumps(BODIES[route])).replace("$RUN_ID", "'$RUN_ID'")
        sent += f"-H 'Content-Type: application/json' -d {body} "
    return f'curl -s {sent}"$URL{address}{QUERIES.get(route, "")}"'


def type_of(schema: Json) -> str:
    """Describe a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return f"[{name}](#{name.lower()})" if _is_listed(name) else f"`{name}`"
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    if "items" in schema:
        return f"list of {type_of(schema['items'])}"
    if choices := schema.get("enum"):
        return _one_of(choices)
    if parts := schema.get("properties"):
        return ", ".join(f"`{name}`: {type_of(each)}" for name, each in parts.items())
    bounds = [f" {sign} {schema[key]}" for key, sign in BOUNDS.items() if key in schema]
    return "".join([schema.get("type", "anything"), *bounds])


def _one_of(choices: list[str]) -> str:
    return f"`{'`, `'.join(choices)}`" if len(choices) <= 7 else f"one of {len(choices)} names"


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


def tables() -> list[Json]:
    """Return every table with its columns, keys, owner and rights, by owner and name; those of runs first."""
    return [
        _table(each)
        for subject in get_args(Subject)
        for each in sorted(tables_of(subject), key=lambda each: each.name)
    ]


def _table(table: Table) -> Json:
    return {
        "name": table.name,
        "rows": rows_of(table),
        "columns": [(each, _type(each.type)) for each in table.columns],
        "keys": [
            f"Primary key: {_names(table.primary_key)}",
            *sorted(
                f"Unique: {_names(each)}"
                for each in table.constraints
                if isinstance(each, UniqueConstraint)
            ),
            *sorted(f"Index `{each.name}`: {_names(each.columns)}" for each in table.indexes),
        ],
        "rights": {role: granted for role, granted in rights_on(table).items() if granted},
    }


def _type(kind: TypeEngine[Any]) -> str:
    return re.sub(r" CHARACTER SET (\w+) COLLATE \w+", r" \1", kind.compile(mysql.dialect()))


def _names(columns: Iterable[Column[Any]]) -> str:
    return ", ".join(f"`{each.name}`" for each in columns)


ENTRY = re.compile(r"^((?:# .*\n)*)(\w+)=(.*)", re.MULTILINE)
ROLES = {  # the role that runs a file, by the start of its path; the first match counts
    "web/": "web",
    "consumer/local_scaler": "local scaler",
    "consumer/job_processes": "local scaler",
    "consumer/rec": "reconciler",
    "consumer/leader/lead": "reconciler",
    "consumer/": "Job",
    "adapters/schema": "schema",
    "adapters/maintenance/retention": "reconciler, prune",
    "adapters/": "every role",
}


def sections() -> list[tuple[str, list[tuple[str, ...]]]]:
    """Return the sections of .env.example: name, default, meaning and readers of each setting, below a title."""
    _, *texts = (PROJECT_ROOT / ".env.example").read_text("utf-8").split("\n# --- ")
    return [(text[0].upper() + text[1:].partition("\n")[0], list(_rows(text))) for text in texts]


def _rows(text: str) -> Iterator[tuple[str, ...]]:
    meaning = ""
    for words, name, default in ENTRY.findall(text):
        meaning = " ".join(re.findall(r"^# (.+)", words, re.MULTILINE)) or meaning
        yield name, default, meaning, _readers(name)


def _readers(name: str) -> str:
    """Return the roles whose code reads a setting; every role if it is part of an address."""
    use = re.compile(rf"\.{name.lower()}\b")
    roles = {
        _role(file.relative_to(PROJECT_ROOT).as_posix())
        for package in ("web", "consumer", "adapters")
        for file in (PROJECT_ROOT / package).rglob("*.py")
        if file.name != "settings.py" and use.search(file.read_text("utf-8"))
    }
    return "every role" if not roles or "every role" in roles else ", ".join(sorted(roles))


def _role(path: str) -> str:
    return next(role for start, role in ROLES.items() if path.startswith(start))
