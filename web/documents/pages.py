"""The documentation as a site, which `make docs` builds; programs read rules, metrics and the API as JSON."""

from pathlib import Path

from flask import Blueprint, Response, abort, send_from_directory

blueprint = Blueprint("documents", __name__)

SITE = Path(__file__).resolve().parents[1] / "site"


@blueprint.get("/docs/")
@blueprint.get("/docs/<path:name>")
def page(name: str = "index.html") -> Response:
    """Serve a file of the documentation; 404 with the build command if it was not built."""
    if not SITE.is_dir():
        abort(
            404,
            "The documentation was not built: run `make docs`, and reload this page.",
        )
    file = send_from_directory(SITE, name)
    file.direct_passthrough = False
    file.make_sequence()  # in memory, so that it is compressed as other pages are
    return file
