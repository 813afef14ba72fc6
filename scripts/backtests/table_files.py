"""Files of runs in CSV or JSON lines: one run per line, every fault with its line."""

import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backtests.client import Client
from backtests.spec import Spec, general_faults, load_code, read_spec
from backtests.transport import BadInput, Json, Refused, read_code

MAX_NAME = 40  # characters of the name that go into the batch id
FIRST_REQUESTS = 5  # in a plan
_NUMBER = re.compile(r"(?<![\w'])-?\d+(\.\d+)?(?![\w'])")  # by itself, not in a ticker
Cells = Mapping[str, str]  # by column
# line numbers, each with its values, or the ValueError that says why it has none
Lines = Iterator[tuple[int, Any]]
# of cells, by field; other fields are read as JSON
Readers = Mapping[str, Callable[[str], Any]]


class RunTable(NamedTuple):
    """The runs of a file, one for each line."""

    name: str
    runs: dict[int, Json]  # by line

    @property
    def requests(self) -> list[Json]:
        """The requests of the runs, in order."""
        return list(self.runs.values())

    def batch_id(self, client: Client) -> str:
        """Return the name and a hash of the runs, as the platform does for a sweep of the same runs."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:MAX_NAME] or "sweep"
        content = json.dumps(self.requests, sort_keys=True, default=str)
        return f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def plan(self, client: Client, batch_id: str | None) -> Json:
        """Plan the runs as `Client.plan_sweep` does; BadInput with all faults, each with its line."""
        requests, batch_id = self.requests, batch_id or self.batch_id(client)
        try:
            planned = client.plan(requests, batch_id)._asdict()
        except Refused as refused:
            raise BadInput(*self._faults_in(refused)) from None
        head = {"runs": len(requests), "first_requests": requests[:FIRST_REQUESTS]}
        return planned | head | {"batch_id": batch_id}

    def submit(self, client: Client, batch_id: str) -> None:
        """Send the runs that the batch does not have."""
        client.submit(self.requests, batch_id)

    def _faults_in(self, refused: Refused) -> list[str]:
        """Return the faults with their lines; of those that differ only in numbers, the first."""
        lines, alike = list(self.runs), defaultdict[tuple[str, str], list[str]](list)
        for place, fault in refused.errors.items():
            number, _, name = place.partition(".")
            line = lines[int(number) - 1]
            alike[name, _NUMBER.sub("0", fault)].append(f"line {line}: {name}: {fault}")
        faults = []
        for first, *more in alike.values():
            others = f" (and {len(more)} more run{'s' if len(more) > 1 else ''})" if more else ""
            faults.append(first + others)
        return [*faults, *general_faults(refused, faults)]


def read_sweep(
    path: Path, client: Client, overrides: Cells | None = None, code: Path | None = None
) -> Spec | RunTable:
    """Read a .yaml, .yml, .json, .csv, .jsonl or .ndjson file; BadInput with all faults in its form.

    overrides: cells, by column as in a CSV, that replace the values of every run. code: a strategy in Python that
    replaces the rule of every run.
    """
    overrides = overrides or {}
    readers = field_readers(client) if overrides or path.suffix == ".csv" else {}
    try:
        sweep = _read(path, overrides, readers)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(
            f"{path}: not UTF-8 text; save it as UTF-8 (in Excel: CSV UTF-8)"
        ) from None
    except csv.Error as error:
        raise BadInput(f"{path}: not CSV: {error}") from None
    if code:
        text = read_code(code)
        for each in sweep.requests if isinstance(sweep, RunTable) else _with_rules(sweep):
            params = each.get("params")
            inputs = params.get("inputs") if isinstance(params, dict) else None
            each |= {"rule_type": "PYTHON", "params": {"code": text, "inputs": inputs or {}}}
    return sweep


def _with_rules(spec: Spec) -> list[Json]:
    """Return the shared terms, and the legs that have a rule of their own."""
    legs = spec.values.get("legs")
    several = [spec.terms, *(legs if isinstance(legs, list) else [])]
    parts = [each for each in several if isinstance(each, dict)]  # the platform reports others
    return [each for each in parts if each is spec.terms or {"rule_type", "params"} & each.keys()]


def _read(path: Path, overrides: Cells, readers: Readers) -> Spec | RunTable:
    """Read a file by the reader of its suffix."""
    if path.suffix in (".yaml", ".yml", ".json"):
        spec = read_spec(path)
        if isinstance(spec.terms, dict):  # else the platform reports the fault
            _put_cells(spec.terms, overrides, readers)
        return spec
    if path.suffix == ".csv":
        return _table_of(path, _csv_runs(path, readers), overrides, readers)
    if path.suffix in (".jsonl", ".ndjson"):
        return _table_of(path, _json_runs(path), overrides, readers)
    raise BadInput(f"{path}: .yaml, .yml, .json, .csv, .jsonl or .ndjson is expected")


def _table_of(path: Path, lines: Lines, overrides: Cells, readers: Readers) -> RunTable:
    """Make a table of these lines; BadInput names those that are no objects."""
    runs, faults = dict[int, Json](), list[str]()
    for line, values in lines:
        if isinstance(values, dict):
            _put_cells(values, overrides, readers)
            faults += [
                f"line {line}: {place}: {fault}"
                for place, fault in load_code(values, path.parent)
            ]
            runs[line] = {"charts": False, **values}
        else:
            fault = values if isinstance(values, ValueError) else "a JSON object is expected"
            faults.append(f"line {line}: {fault}")
    if faults or not runs:
        raise BadInput(*(faults or [f"{path}: no runs"]))
    return RunTable(path.stem, runs)


def _json_runs(path: Path) -> Lines:
    for number, text in enumerate(path.read_text("utf-8").split("\n"), start=1):
        if text.strip():
            try:
                yield number, json.loads(text)
            except ValueError as error:
                yield number, ValueError(f"not JSON: {error}")


def _csv_runs(path: Path, readers: Readers) -> Lines:
    """Read runs whose columns are fields and `params.<name>` for each parameter; an empty cell is the default."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = [name.strip() for name in reader.fieldnames or ()]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            yield 1, ValueError(f"columns that appear twice: {', '.join(map(repr, repeated))}")
            return
        for row in reader:
            values: Json = {}
            if None in row or None in row.values():
                fault = f"{len(names)} cells are expected, as in the first line"
                yield reader.line_num, ValueError(fault)
            else:
                _put_cells(values, row, readers)
                yield reader.line_num, values


def _put_cells(values: Json, row: Cells, readers: Readers) -> None:
    """Put each cell at the path of its column, such as params.inputs.fast; missing objects are created."""
    for name, cell in ((name.strip(), cell.strip()) for name, cell in row.items()):
        if not cell:
            continue
        *inside, last = name.split(".", 2) if name.startswith("params.") else [name]
        place = values
        for each in inside:
            if not isinstance(place.get(each), dict):
                place[each] = {}
            place = place[each]
        place[last] = readers.get(name, _typed)(cell)


def field_readers(client: Client) -> Readers:
    """Return readers of cells for fields of text, even if it looks like a number, and for comma-separated lists."""
    fields = client.get("/api/openapi.json")["components"]["schemas"]["RunRequest"]["properties"]
    readers: dict[str, Callable[[str], Any]] = {}
    for name, schema in fields.items():
        kinds = {kind.get("type") for kind in schema.get("anyOf", [schema])}
        if kinds & {"string", "array"}:
            readers[name] = _words if "array" in kinds else str
    return readers


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(",") if word.strip()]


def _typed(cell: str) -> Any:
    """Read a cell as JSON (numbers, true, null, objects), else as text."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell
