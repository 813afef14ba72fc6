"""How views answer programs: JSON with an ETag, and tables as CSV files."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def conditional(body: Any) -> Response:
    """A body as JSON with an ETag, or 304 when the client has it already."""
    response = jsonify(body)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def csv_file(rows: Iterable[Sequence[object]], name: str) -> Response:
    """Rows, the first of them a header, as a CSV file to be saved, sent while they are read.

    The file's name may hold any character; headers are ASCII, so it is written in both ways that browsers know.
    """
    response = Response(_csv_lines(rows), mimetype="text/csv")
    plain = name.encode("ascii", "ignore").decode()
    other = {} if plain == name else {"filename*": f"UTF-8''{quote(name, safe='')}"}
    response.headers.set("Content-Disposition", "attachment", filename=plain, **other)
    return response


def _csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(map(_cell, row))
        yield line.getvalue()


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula begins with an apostrophe, as one typed by hand would."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) else value
