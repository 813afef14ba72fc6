"""How views answer programs: JSON with an ETag, and tables as CSV files."""

import csv
import io
from collections.abc import Iterable, Sequence

from flask import Response, request, send_file


def conditional(response: Response) -> Response:
    """The response with an ETag, or 304 when the client has it already."""
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def csv_file(rows: Iterable[Sequence[object]], name: str) -> Response:
    """Rows, the first of them a header, as a CSV file to be saved; its name may hold any character."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return send_file(io.BytesIO(text.getvalue().encode()), "text/csv", as_attachment=True, download_name=name)
