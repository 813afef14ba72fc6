"""YAML for sweep files: values that it reads differently from people are refused, or named in messages."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

# in YAML 1.1 a leading zero makes a number octal, and 12:30 is 750
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_TIME = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class Loader(yaml.SafeLoader):
    """YAML without dates, which stay text as in JSON."""


Loader.yaml_implicit_resolvers = {
    letter: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield every unquoted value below a node; those of an alias where they are defined."""
    waiting, seen = [node], set[int]()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, yaml.ScalarNode) and each.style is None:
            yield each
        elif isinstance(each, yaml.MappingNode):
            waiting += [value for _, value in reversed(each.value)]
        elif isinstance(each, yaml.SequenceNode):
            waiting += reversed(each.value)


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
