"""Markdown from the templates beside this module."""

import json
import re
from pathlib import Path

from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from contracts.values import Values

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=ChainableUndefined,  # a schema may lack any of its parts
    trim_blocks=True,
    lstrip_blocks=True,
)


def rendered(template: str, values: Values) -> str:
    """The template with these values; where its conditions leave several empty lines, there is one."""
    return re.sub(r"\n{3,}", "\n\n", _TEMPLATES.get_template(template).render(values)).strip()


def _cell(text: str) -> str:
    """A text that may have signs which Markdown would take for its own."""
    return str(text).replace("|", "\\|").replace("<", "&lt;")


_TEMPLATES.filters |= {
    "cell": _cell,
    "json": json.dumps,  # jinja's own is for HTML
    "short": lambda number: "" if number is None else f"{number:g}",
}
