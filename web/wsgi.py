"""A Flask application's side of an HTTP exchange: what it is asked, and what it answers, piece by piece."""

import sys
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

from web.actors import PEER

PIECE_BYTES = 256 * 1024  # of an answer that is made while it is sent
_PLAIN = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


def environ_of(scope: dict[str, Any]) -> WSGIEnvironment:
    """The WSGI environment of an ASGI scope, without a body; PEER is who is at the other end."""
    (server, port), (client, _) = scope["server"], scope["client"]
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client.removeprefix("::ffff:"),  # of IPv4, on a socket for both
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ[PEER] = environ["REMOTE_ADDR"]
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        key, text = key if key in _PLAIN else f"HTTP_{key}", value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    return environ


class Answer:
    """What an application answers: status, headers, and a piece of the body."""

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment) -> None:
        self._body = app(environ, self._start)
        self._parts = iter(self._body)
        self.go_on()

    def _start(
        self, status: str, headers: Sequence[tuple[str, str]], exc_info: object = None
    ) -> Any:
        self.status = int(status.partition(" ")[0])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]

    def go_on(self) -> None:
        """Make the next piece, and close the answer where it is the last one."""
        made, size = [], 0
        self.is_whole = False
        for part in self._parts:
            made.append(part)
            size += len(part)
            if size >= PIECE_BYTES:
                break
        else:
            self.close()
        self.piece = b"".join(made)  # of a single part no copy

    def close(self) -> None:
        """Let go of what the rest would be made from."""
        if not self.is_whole and hasattr(self._body, "close"):
            self._body.close()
        self.is_whole = True
