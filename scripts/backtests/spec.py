"""Files of sweeps and portfolios in YAML or JSON, which the platform expands and checks; faults with their lines.

Values that YAML reads differently from people are refused, or named in messages.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from backtests.client import Client
from backtests.transport import BadInput, Json, Refused, read_code

MAX_DEPTH = 4  # of entries with a line; aliases may be circular
MAX_MISREAD = 3  # values that one message names
MAX_LABEL = 64  # characters
CODE_FILE = "code_file"  # of params: a Python file next to the sweep's, whose text becomes `code`


class Spec(NamedTuple):
    """Values of a file, with their lines."""

    values: Json
    lines: dict[str, int]  # by dotted path
    nodes: dict[str, yaml.Node] = {}  # of YAML, by the same

    @property
    def terms(self) -> Any:
        """Fields of all runs: the base of a sweep, or all fields besides the legs."""
        return self.values.get("base", self.values)

    @property
    def name(self) -> str:
        """The name of its batch."""
        return str(self.values["name"])

    def plan(self, client: Client, batch_id: str | None) -> Json:
        """Plan the sweep as `Client.plan_sweep` does; BadInput with all faults, each with its line."""
        return self.send(client.plan_sweep, batch_id)

    def batch_id(self, client: Client) -> str:
        """Ask the platform for the batch_id, which follows from the expanded runs."""
        return str(self.plan(client, None)["batch_id"])

    def submit(self, client: Client, batch_id: str) -> None:
        """Send the runs that the batch does not have."""
        self.send(client.submit_sweep, batch_id)

    def key(self, kind: str, prices: object) -> str:
        """Return a key that is equal for the same file on the same prices, so that a repeated command resumes."""
        content = json.dumps([self.values, prices], sort_keys=True, default=str)
        return f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:32]}"

    def send(self, call: Callable[..., Json], *more: Any) -> Json:
        """Send the values and return the answer; BadInput with all faults, each with its line."""
        try:
            return call(self.values, *more)
        except Refused as refused:
            faults = [
                f"line {self._line(field)}: {field}: {fault}{self._misread(field)}"
                for field, fault in refused.errors.items()
            ]
            raise BadInput(*faults, *general_faults(refused, faults)) from None

    def _line(self, field: str) -> int:
        """Return the line of `base.fee_rate` or `legs[1].params.fast`, or of the part of it that the file has.

        Fields of a study are in its section.
        """
        return self.lines.get(self._place(field), 1)

    def _misread(self, field: str) -> str:
        """Name the values there that YAML reads differently from their text, as the end of a message."""
        nodes = scalars(self.nodes.get(self._place(field)))
        differences = [*dict.fromkeys(filter(None, map(difference, nodes)))]
        return f" ({'; '.join(differences[:MAX_MISREAD])})" if differences else ""

    def _place(self, field: str) -> str:
        """Return the dotted path of the part of a field that the file has."""
        field = field.replace("[", ".").replace("]", "")
        field = f"study.{field}" if f"study.{field}" in self.lines else field
        while field not in self.lines and field:
            field = field.rpartition(".")[0]
        return field


def general_faults(refused: Refused, by_field: list[str]) -> list[str]:
    """Return the lines of the platform's message that its faults by field do not cover."""
    return [line for line in refused.message.splitlines() if not by_field or "are listed" in line]


def read_spec(path: Path) -> Spec:
    """Read a YAML or JSON file; BadInput when it is no mapping, or has a key twice."""
    values, document = _read(path)
    if not isinstance(values, dict):
        raise BadInput("line 1: a mapping is expected: name, base, parameters, ...")
    is_yaml = path.suffix != ".json"
    lines, nodes, faults = dict[str, int](), dict[str, yaml.Node](), list[str]()
    for path_in_file, line, value in _places(document):
        if path_in_file in lines:  # YAML's reader silently takes the last one
            faults.append(f"line {line}: {path_in_file}: appears twice")
        lines[path_in_file], nodes[path_in_file] = line, value
    if is_yaml:
        faults += _refused(document)
    for place, fault in load_code(values, path.parent):
        faults.append(f"line {lines.get(place, 1)}: {place}: {fault}")
    for place in [each for each in lines if each.endswith(f".{CODE_FILE}")]:
        lines[place.removesuffix("_file")] = lines[place]
    if faults:
        raise BadInput(*faults)
    nodes = nodes if is_yaml else {}
    if {"legs", "batch_id"} & values.keys():  # a portfolio that is no sweep
        return Spec({"label": path.stem[:MAX_LABEL], **values}, lines, nodes)
    name = values.get("name")
    if name not in (None, "") and isinstance(node := nodes.get("name"), yaml.ScalarNode):
        name = node.value  # its text in the file: NO, 1.10
    return Spec({**values, "name": str(name or path.stem)}, lines, nodes)


def load_code(values: Any, folder: Path) -> list[tuple[str, str]]:
    """Replace `code_file` of all params by `code`, the text of that file in `folder`; return the faults by place."""
    faults, waiting, seen = list[tuple[str, str]](), [("", values)], set[int]()
    while waiting:
        place, each = waiting.pop()
        if id(each) in seen:  # an alias
            continue
        seen.add(id(each))
        entries = each.items() if isinstance(each, dict) else enumerate(each)
        waiting += [
            (f"{place}{key}.", entry) for key, entry in entries if isinstance(entry, dict | list)
        ]
        if place.endswith("params.") and CODE_FILE in each:
            try:
                each["code"] = _code_of(each, folder)
            except BadInput as error:
                faults.append((f"{place}{CODE_FILE}", str(error)))
            del each[CODE_FILE]
    return faults


def _code_of(params: Json, folder: Path) -> str:
    """Read the file that params name; BadInput unless it is one, and the only code."""
    name = params[CODE_FILE]
    if "code" in params:
        raise BadInput("give code or code_file, not both")
    if not isinstance(name, str) or not name:
        raise BadInput(f"{name!r} is not the path of a file, such as strategy.py")
    return read_code(folder / name)


def _refused(document: yaml.Node | None) -> list[str]:
    """Return the faults of keys and numbers that YAML reads differently from people, with their lines."""
    refusals = [(node, refusal(node)) for node in scalars(document)]
    refusals += [(key, key_refusal(key)) for key in keys(document)]
    by_line = sorted((node.start_mark.line + 1, fault) for node, fault in refusals if fault)
    return [f"line {line}: {fault}" for line, fault in by_line]


def _read(path: Path) -> tuple[Any, yaml.Node | None]:
    """Return the values of a file, and its nodes with their lines."""
    text = path.read_text("utf-8")
    try:
        # JSON is YAML, too, except for tabs and numbers such as 1e-3
        if path.suffix == ".json":
            return json.loads(text), yaml.compose(text.expandtabs(), Loader=yaml.SafeLoader)
        loader = Loader
        return yaml.load(text, loader), yaml.compose(text, loader)
    except json.JSONDecodeError as error:
        raise BadInput(f"line {error.lineno}: not JSON: {error.msg}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadInput(
            f"line {mark.line + 1 if mark else 1}: not YAML: {getattr(error, 'problem', error)}"
        ) from None


def _places(node: yaml.Node | None, inside: str = "") -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield the dotted path, the line and the node of every entry of a document, down to MAX_DEPTH."""
    entries = node.value if isinstance(node, yaml.CollectionNode) else []
    for number, entry in enumerate(entries):
        key, value = entry if isinstance(entry, tuple) else (None, entry)
        place = f"{inside}{key.value if key else number}"
        yield place, (key or value).start_mark.line + 1, value
        if inside.count(".") < MAX_DEPTH:
            yield from _places(value, f"{place}.")


# in YAML 1.1 a leading zero makes a number octal, and 12:30 is 750
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_TIME = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")

_KEYS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class Loader(yaml.SafeLoader):
    """YAML without dates, which stay text as in JSON."""


Loader.yaml_implicit_resolvers = {
    letter: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def nodes_of(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """Yield a node and every value below it, in order; those of an alias where they are defined."""
    waiting, seen = [node], set[int]()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, yaml.MappingNode):
            waiting += [value for _, value in reversed(each.value)]
        elif isinstance(each, yaml.SequenceNode):
            waiting += reversed(each.value)


def scalars(node: yaml.Node | None) -> list[yaml.ScalarNode]:
    """Return every unquoted value below a node."""
    values = (each for each in nodes_of(node) if isinstance(each, yaml.ScalarNode))
    return [each for each in values if each.style is None]


def keys(node: yaml.Node | None) -> list[yaml.ScalarNode]:
    """Return every key below a node."""
    mappings = (each for each in nodes_of(node) if isinstance(each, yaml.MappingNode))
    return [key for each in mappings for key, _ in each.value]


def key_refusal(key: yaml.ScalarNode) -> str | None:
    """Say why a key is not text, as all keys of JSON are; None if it is text or the merge key."""
    if key.tag in _KEYS:
        return None
    value = json.dumps(value_of(key), default=str)
    return f'YAML reads the key {key.value} as {value}; quote it: "{key.value}"'


def refusal(node: yaml.ScalarNode) -> str | None:
    """Say why a value is probably not what was meant; None if it is fine."""
    if node.tag not in _NUMBERS:
        return None
    text, value = node.value, value_of(node)
    if isinstance(value, float) and not math.isfinite(value):
        return f"{text} is not a number that JSON has"
    if _TIME.fullmatch(text):
        return f"YAML reads {text} as the number {value} (base 60); {_quoted(text)}"
    if _OCTAL.fullmatch(text):
        number = text.replace("_", "").lstrip("+-0") or "0"
        return f"YAML reads {text} as the number {value} (octal); {_quoted(text)}, or write the number {number}"
    return None


def difference(node: yaml.ScalarNode) -> str | None:
    """Name a value that is read differently from its text, and say how to write it; None if there is no difference."""
    text, value = node.value, value_of(node)
    if isinstance(value, str):
        try:
            number = float(text)
        except ValueError:
            return None
        return f"YAML reads {text} as text; as a number it is written {_plain(number)}"
    if text == json.dumps(value):
        return None
    return f"YAML reads {text or 'nothing'} as {json.dumps(value)}; {_quoted(text)}"


def value_of(node: yaml.ScalarNode) -> Any:
    """Return the value that YAML reads."""
    return Loader("").construct_object(node)


def _quoted(text: str) -> str:
    return f'quote it where text is meant: "{text}"'


def _plain(number: float) -> str:
    return json.dumps(int(number) if number.is_integer() else number)
