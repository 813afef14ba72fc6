"""A sweep read from CSV or JSON lines: one run per line, every fault with its line."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.run_request import FIELD_NAMES
from scripts.sweep.faults import BadSweep
from scripts.sweep.spec import read_spec
from scripts.sweep.sweep import PlannedRun, Sweep

ACCEPTED = tuple(name for name in FIELD_NAMES if name not in ("run_id", "batch_id"))
_WORDS = frozenset({"ticker", "rule_type", "start_date", "end_date", "rule_id", "label", "timeframe"})


def read_sweep(path: Path) -> Sweep:
    """The sweep of a .yaml, .yml, .csv, .jsonl or .ndjson file; BadSweep with all its faults."""
    readers = {".csv": _csv_runs, ".jsonl": _json_runs, ".ndjson": _json_runs}
    try:
        if path.suffix in (".yaml", ".yml"):
            return read_spec(path)
        if path.suffix not in readers:
            raise BadSweep([f"{path}: .yaml, .yml, .csv, .jsonl or .ndjson is expected"])
        return _listed(path, readers[path.suffix](path))
    except OSError as error:
        raise BadSweep([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadSweep([f"{path}: not UTF-8 text"]) from None
    except csv.Error as error:
        raise BadSweep([f"{path}: not CSV: {error}"]) from None


def _listed(path: Path, lines: Iterator[tuple[int, Any]]) -> Sweep:
    runs, faults = [], []
    for line, values in lines:
        if found := _fault(values):
            faults.append(f"line {line}: {found}")
        else:
            runs.append(PlannedRun({"charts": False, **values}, f"line {line}"))
    if faults or not runs:
        raise BadSweep(faults or [f"{path}: no runs"])
    return Sweep(path.stem, tuple(runs))


def _fault(values: Any) -> str | None:
    if isinstance(values, str):
        return values
    if not isinstance(values, dict):
        return "a JSON object is expected"
    unknown = sorted(set(values) - set(ACCEPTED))
    return f"unknown {', '.join(unknown)}; accepted: {', '.join(ACCEPTED)}" if unknown else None


def _json_runs(path: Path) -> Iterator[tuple[int, Any]]:
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if text.strip():
            try:
                yield number, json.loads(text)
            except ValueError as error:
                yield number, f"not JSON: {error}"


def _csv_runs(path: Path) -> Iterator[tuple[int, Any]]:
    """Columns are the request's fields, and `params.<name>` for each parameter; an empty cell leaves the default."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = [name.strip() for name in reader.fieldnames or ()]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            yield 1, f"columns that stand twice: {', '.join(map(repr, repeated))}"
            return
        for row in reader:
            if None in row or None in row.values():
                yield reader.line_num, f"{len(reader.fieldnames or ())} cells are expected, as in the first line"
                continue
            yield reader.line_num, _from_cells(row)


def _from_cells(row: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for name, cell in ((name.strip(), cell.strip()) for name, cell in row.items()):
        if not cell:
            continue
        if name.startswith("params."):
            params[name.removeprefix("params.")] = _typed(cell)
        else:
            values[name] = cell if name in _WORDS else _typed(cell)
    return values | ({"params": params} if params else {})


def _typed(cell: str) -> Any:
    """A cell as JSON reads it (numbers, true, null, objects), else as text."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell
