"""A sweep in CSV or JSON lines: one run per line, every fault with its line."""

import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backtests.client import Client
from backtests.errors import BadInput, Refused
from backtests.spec import Spec, read_spec, unfolded
from backtests.transport import Json

MAX_NAME = 40  # characters of the name that go into the batch id
FIRST_SHOWN = 5
_NUMBER = re.compile(r"(?<![\w'])-?\d+(\.\d+)?(?![\w'])")  # by itself, not in a ticker
Cells = Mapping[str, str]  # by column
# by number, each with its values, or the ValueError that says why it has none
Lines = Iterator[tuple[int, Any]]
# of cells, by the field they are in; others are read as JSON
Readers = Mapping[str, Callable[[str], Any]]


class Table(NamedTuple):
    """The runs of a file, one for each line."""

    name: str
    runs: dict[int, Json]  # by line

    @property
    def requests(self) -> list[Json]:
        """The runs as the platform takes them."""
        return list(self.runs.values())

    def batch_id(self, client: Client) -> str:
        """The name and a hash of the runs, as the platform has it for a sweep of the same runs."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:MAX_NAME] or "sweep"
        content = json.dumps(self.requests, sort_keys=True, default=str)
        return f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def plan(self, client: Client, batch_id: str | None) -> Json:
        """As `Client.plan_sweep`; BadInput with all that the platform finds wrong, at its place in the file."""
        requests, batch_id = self.requests, batch_id or self.batch_id(client)
        try:
            found = client.plan(requests, batch_id)._asdict()
        except Refused as refused:
            raise BadInput(*self._faults_in(refused)) from None
        told = {"runs": len(requests), "first_requests": requests[:FIRST_SHOWN]}
        return found | told | {"batch_id": batch_id}

    def submit(self, client: Client, batch_id: str) -> None:
        """Send the runs that the batch does not have."""
        client.submit(self.requests, batch_id)

    def _faults_in(self, refused: Refused) -> list[str]:
        """What the platform refused, at its line; what differs in numbers only is told once."""
        lines, alike = list(self.runs), defaultdict[tuple[str, str], list[str]](list)
        for place, fault in refused.errors.items():
            number, _, name = place.partition(".")
            line = lines[int(number) - 1]
            alike[name, _NUMBER.sub("0", fault)].append(f"line {line}: {name}: {fault}")
        told = []
        for first, *more in alike.values():
            others = f" (and {len(more)} more run{'s' if len(more) > 1 else ''})" if more else ""
            told.append(first + others)
        return [*told, *unfolded(refused, told)]


def read_sweep(path: Path, client: Client, given: Cells | None = None) -> Spec | Table:
    """What a .yaml, .yml, .json, .csv, .jsonl or .ndjson file asks for; BadInput with all that is wrong with its form.

    given: cells, by column as a CSV names them, in place of what the file says of every run.
    """
    given = given or {}
    readers = field_readers(client) if given or path.suffix == ".csv" else {}
    try:
        return _read(path, given, readers)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(
            f"{path}: not UTF-8 text; save it as UTF-8 (in Excel: CSV UTF-8)"
        ) from None
    except csv.Error as error:
        raise BadInput(f"{path}: not CSV: {error}") from None


def _read(path: Path, given: Cells, readers: Readers) -> Spec | Table:
    """The same by the file's ending."""
    if path.suffix in (".yaml", ".yml", ".json"):
        spec = read_spec(path)
        if isinstance(spec.terms, dict):  # else the platform says what is wrong with them
            _put_cells(spec.terms, given, readers)
        return spec
    if path.suffix == ".csv":
        return _listed(path, _csv_runs(path, readers), given, readers)
    if path.suffix in (".jsonl", ".ndjson"):
        return _listed(path, _json_runs(path), given, readers)
    raise BadInput(f"{path}: .yaml, .yml, .json, .csv, .jsonl or .ndjson is expected")


def _listed(path: Path, lines: Lines, given: Cells, readers: Readers) -> Table:
    """The runs of these lines; BadInput names those that are no objects."""
    runs, faults = dict[int, Json](), list[str]()
    for line, values in lines:
        if isinstance(values, dict):
            _put_cells(values, given, readers)
            runs[line] = {"charts": False, **values}
        else:
            fault = values if isinstance(values, ValueError) else "a JSON object is expected"
            faults.append(f"line {line}: {fault}")
    if faults or not runs:
        raise BadInput(*(faults or [f"{path}: no runs"]))
    return Table(path.stem, runs)


def _json_runs(path: Path) -> Lines:
    for number, text in enumerate(path.read_text("utf-8").split("\n"), start=1):
        if text.strip():
            try:
                yield number, json.loads(text)
            except ValueError as error:
                yield number, ValueError(f"not JSON: {error}")


def _csv_runs(path: Path, readers: Readers) -> Lines:
    """Columns are the request's fields, and `params.<name>` for each parameter; an empty cell leaves the default."""
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
    """Put each cell where its column, such as params.inputs.fast, says; into objects that are made on the way."""
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
    """How to read the cells of fields that hold text, also where it looks like a number, or words after commas."""
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
    """A cell as JSON reads it (numbers, true, null, objects), else as text."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell
