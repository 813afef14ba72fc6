"""A sweep or a portfolio in YAML or JSON, which the platform expands and checks; every fault with its line."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from backtests import yaml_values
from backtests.client import Client
from backtests.errors import BadInput, Refused
from backtests.transport import Json

MAX_DEPTH = 4  # of what is looked at; an alias could lead round in circles
MAX_MISREAD = 3  # values that one message names
MAX_LABEL = 64  # characters


class Spec(NamedTuple):
    """What a file says, and where."""

    values: Json
    lines: dict[str, int]  # by dotted path
    nodes: dict[str, yaml.Node] = {}  # of YAML, by the same

    @property
    def terms(self) -> Any:
        """What all runs share: the base of a sweep, or all that is beside the legs."""
        return self.values.get("base", self.values)

    @property
    def name(self) -> str:
        """What its batch is called."""
        return str(self.values["name"])

    def plan(self, client: Client, batch_id: str | None) -> Json:
        """As `Client.plan_sweep`; BadInput with all that the platform finds wrong, at its place in the file."""
        return self.sent(client.plan_sweep, batch_id)

    def batch_id(self, client: Client) -> str:
        """The platform's, which alone knows the runs that name the batch."""
        return str(self.plan(client, None)["batch_id"])

    def submit(self, client: Client, batch_id: str) -> None:
        """Send the runs that the batch does not have."""
        self.sent(client.submit_sweep, batch_id)

    def key(self, kind: str, prices: object) -> str:
        """Equal for the same file on the same prices, so that the same command again goes on with what it started."""
        content = json.dumps([self.values, prices], sort_keys=True, default=str)
        return f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:32]}"

    def sent(self, send: Callable[..., Json], *more: Any) -> Json:
        """What the platform answers; BadInput with all that it finds wrong, at its line."""
        try:
            return send(self.values, *more)
        except Refused as refused:
            told = [
                f"line {self._line(field)}: {field}: {fault}{self._misread(field)}"
                for field, fault in refused.errors.items()
            ]
            raise BadInput(*told, *unfolded(refused, told)) from None

    def _line(self, field: str) -> int:
        """The line of `base.fee_rate` or `legs[1].params.fast`, or of as much of it as the file has.

        Fields of a study are in its section.
        """
        return self.lines.get(self._place(field), 1)

    def _misread(self, field: str) -> str:
        """The values there that YAML reads otherwise than they are written, as the end of a message."""
        nodes = yaml_values.scalars(self.nodes.get(self._place(field)))
        told = dict.fromkeys(filter(None, map(yaml_values.difference, nodes)))
        return f" ({'; '.join(list(told)[:MAX_MISREAD])})" if told else ""

    def _place(self, field: str) -> str:
        """The dotted path of as much of a field as the file has."""
        field = field.replace("[", ".").replace("]", "")
        field = f"study.{field}" if f"study.{field}" in self.lines else field
        while field not in self.lines and field:
            field = field.rpartition(".")[0]
        return field


def unfolded(refused: Refused, told: list[str]) -> list[str]:
    """The platform's own words, where its faults by field do not say it all."""
    return [line for line in refused.message.splitlines() if not told or "are listed" in line]


def read_spec(path: Path) -> Spec:
    """What a YAML or JSON file describes; BadInput when it describes nothing, or says something twice."""
    values, document = _read(path)
    if not isinstance(values, dict):
        raise BadInput("line 1: a mapping is expected: name, base, parameters, ...")
    is_yaml = path.suffix != ".json"
    lines, nodes, faults = dict[str, int](), dict[str, yaml.Node](), list[str]()
    for path_in_file, line, value in _places(document):
        if path_in_file in lines:  # YAML's reader takes the last and says nothing
            faults.append(f"line {line}: {path_in_file}: appears twice")
        lines[path_in_file], nodes[path_in_file] = line, value
    if is_yaml:
        faults += _refused(document)
    if faults:
        raise BadInput(*faults)
    nodes = nodes if is_yaml else {}
    if {"legs", "batch_id"} & values.keys():  # a portfolio that is no sweep
        return Spec({"label": path.stem[:MAX_LABEL], **values}, lines, nodes)
    name = values.get("name")
    if name not in (None, "") and isinstance(node := nodes.get("name"), yaml.ScalarNode):
        name = node.value  # as it is written: NO, 1.10
    return Spec({**values, "name": str(name or path.stem)}, lines, nodes)


def _refused(document: yaml.Node | None) -> list[str]:
    """The numbers that YAML takes for others than people do, with their lines."""
    found = ((node, yaml_values.refusal(node)) for node in yaml_values.scalars(document))
    return [f"line {node.start_mark.line + 1}: {fault}" for node, fault in found if fault]


def _read(path: Path) -> tuple[Any, yaml.Node | None]:
    """The values of a file, and where they are."""
    text = path.read_text("utf-8")
    try:
        # all of it is YAML, too, but for its tabs, and numbers such as 1e-3
        if path.suffix == ".json":
            return json.loads(text), yaml.compose(text.expandtabs(), Loader=yaml.SafeLoader)
        loader = yaml_values.Loader
        return yaml.load(text, loader), yaml.compose(text, loader)
    except json.JSONDecodeError as error:
        raise BadInput(f"line {error.lineno}: not JSON: {error.msg}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadInput(
            f"line {mark.line + 1 if mark else 1}: not YAML: {getattr(error, 'problem', error)}"
        ) from None


def _places(node: yaml.Node | None, inside: str = "") -> Iterator[tuple[str, int, yaml.Node]]:
    """The dotted path, the line and the node of every entry of a document, as deep as faults are told."""
    entries = node.value if isinstance(node, yaml.CollectionNode) else []
    for number, entry in enumerate(entries):
        key, value = entry if isinstance(entry, tuple) else (None, entry)
        place = f"{inside}{key.value if key else number}"
        yield place, (key or value).start_mark.line + 1, value
        if inside.count(".") < MAX_DEPTH:
            yield from _places(value, f"{place}.")
