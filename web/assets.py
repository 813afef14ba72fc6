"""Static files: read and compressed once, and kept by browsers forever under an address that changes with them.

The fingerprint of all files together is a folder of that address, so modules import each other by relative names.
"""

import gzip
import hashlib
from importlib.metadata import distribution
from pathlib import Path

from flask import Flask, Response, abort, request, url_for

from web.operation import operation

# files of packages whose Python is never imported: Bootstrap's sheet, and TradingView Lightweight Charts
_PACKAGED = {
    "css/bootstrap.css": (
        "bootstrap-flask",
        "flask_bootstrap/static/bootstrap5/css/bootstrap.min.css",
    ),
    "js/lightweight-charts.js": (
        "lightweight-charts-esistjosh",
        "lightweight_charts_esistjosh/js/lightweight-charts.js",
    ),
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"
COMPRESSED = frozenset({"text/html", "text/csv", "application/json"})
LEAST_BYTES = 1024  # below, an answer fits into one packet anyway
LEVEL = 4  # 2 ms for a large page; 9 takes three times as long for 3% less


def register(app: Flask) -> None:
    """Serve the static files, name them in templates, and compress what pages and API answer."""
    files = _files()
    version = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    small = {name: gzip.compress(content, mtime=0) for name, content in files.items()}

    @operation(unguarded=True)
    def serve(given_version: str, filename: str) -> Response:
        if filename not in files:
            abort(404)
        zipped = _takes_gzip()
        response = Response(
            (small if zipped else files)[filename], mimetype=TYPES[Path(filename).suffix]
        )
        # another version is asked for while pods are replaced: what is here must not be kept under its name
        response.headers["Cache-Control"] = FOREVER if given_version == version else "no-cache"
        return _marked(response, zipped)

    app.add_url_rule("/static/<given_version>/<path:filename>", "asset", serve)
    app.jinja_env.globals["asset"] = lambda filename: url_for(
        "asset", given_version=version, filename=filename
    )
    app.after_request(_compress)


def _files() -> dict[str, bytes]:
    folder = Path(__file__).parent / "static"
    own = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in TYPES
    }
    return own | {
        name: Path(str(distribution(package).locate_file(path))).read_bytes()
        for name, (package, path) in _PACKAGED.items()
    }


def _takes_gzip() -> bool:
    return request.accept_encodings.quality("gzip") > 0


def _compress(response: Response) -> Response:
    fits = (
        response.mimetype in COMPRESSED
        and not response.is_streamed
        and "Content-Encoding" not in response.headers
    )
    if not fits or response.status_code == 304 or (response.content_length or 0) < LEAST_BYTES:
        return response
    zipped = _takes_gzip()
    if zipped:
        response.set_data(gzip.compress(response.get_data(), LEVEL, mtime=0))
        tag, _ = response.get_etag()
        if tag:
            response.set_etag(tag, weak=True)  # the same content in other bytes
    return _marked(response, zipped)


def _marked(response: Response, zipped: bool) -> Response:
    response.vary.add("Accept-Encoding")
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response
