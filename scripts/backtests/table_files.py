"""A sweep read from CSV or JSON lines: one run per line, every fault with its line."""

import csv
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from backtests.client import Client
from backtests.errors import BadInput
from backtests.spec import Spec, read_spec
from backtests.sweep import PlannedRun, Table


def read_sweep(path: Path, client: Client) -> Spec | Table:
    """The sweep of a .yaml, .yml, .csv, .jsonl or .ndjson file; BadInput with all that is wrong with its form."""
    try:
        if path.suffix in (".yaml", ".yml"):
            return read_spec(path)
        if path.suffix == ".csv":
            return _listed(path, _csv_runs(path, text_fields(client)))
        if path.suffix in (".jsonl", ".ndjson"):
            return _listed(path, _json_runs(path))
    except OSError as error:
        raise BadInput([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadInput([f"{path}: not UTF-8 text"]) from None
    except csv.Error as error:
        raise BadInput([f"{path}: not CSV: {error}"]) from None
    raise BadInput([f"{path}: .yaml, .yml, .csv, .jsonl or .ndjson is expected"])


def _listed(path: Path, lines: Iterator[tuple[int, Any]]) -> Table:
    """The runs of these lines, each an object, or the words that say why it is none."""
    runs, faults = [], []
    for line, values in lines:
        if isinstance(values, dict):
            runs.append(PlannedRun({"charts": False, **values}, f"line {line}"))
        else:
            faults.append(f"line {line}: {values if isinstance(values, str) else 'a JSON object is expected'}")
    if faults or not runs:
        raise BadInput(faults or [f"{path}: no runs"])
    return Table(path.stem, tuple(runs))


def _json_runs(path: Path) -> Iterator[tuple[int, Any]]:
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if text.strip():
            try:
                yield number, json.loads(text)
            except ValueError as error:
                yield number, f"not JSON: {error}"


def _csv_runs(path: Path, texts: Collection[str]) -> Iterator[tuple[int, Any]]:
    """Columns are the request's fields, and `params.<name>` for each parameter; an empty cell leaves the default."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = [name.strip() for name in reader.fieldnames or ()]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            yield 1, f"columns that appear twice: {', '.join(map(repr, repeated))}"
            return
        for row in reader:
            if None in row or None in row.values():
                yield reader.line_num, f"{len(reader.fieldnames or ())} cells are expected, as in the first line"
                continue
            yield reader.line_num, _from_cells(row, texts)


def _from_cells(row: Mapping[str, str], texts: Collection[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, cell in ((name.strip(), cell.strip()) for name, cell in row.items()):
        if not cell:
            continue
        if name.startswith("params."):
            _put(values, name.split(".", 2), _typed(cell))
        else:
            values[name] = cell if name in texts else _typed(cell)
    return values


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    """Put a value where params.inputs.fast says, into objects that are made on the way."""
    name, *inside = path
    if not inside:
        values[name] = value
        return
    if not isinstance(values.get(name), dict):
        values[name] = {}
    _put(values[name], inside, value)


def text_fields(client: Client) -> frozenset[str]:
    """Those fields of a request that hold text, also where it looks like a number."""
    fields = client.get("/api/openapi.json")["components"]["schemas"]["RunRequest"]["properties"]
    return frozenset(name for name, schema in fields.items() if _is_text(schema))


def _is_text(schema: Mapping[str, Any]) -> bool:
    return any(kind.get("type") == "string" for kind in schema.get("anyOf", [schema]))


def _typed(cell: str) -> Any:
    """A cell as JSON reads it (numbers, true, null, objects), else as text."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell
