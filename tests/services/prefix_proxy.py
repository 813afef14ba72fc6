"""A reverse proxy that serves one server under a path: it strips the path, and names it in X-Forwarded-Prefix."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

PASSED_ON = ("Content-Type", "Location", "Set-Cookie", "Cache-Control", "Content-Security-Policy")


@contextmanager
def prefix_proxy(target: str, prefix: str) -> Iterator[str]:
    """Serve `target` at the address that the block gets; every path outside of `prefix` is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404, "outside of the prefix")
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {
                **self.headers,
                "X-Forwarded-Prefix": prefix,
                "Accept-Encoding": "identity",
            }
            with closing(HTTPConnection(str(urlsplit(target).netloc), timeout=60)) as there:
                there.request(self.command, self.path.removeprefix(prefix), body, headers)
                answer = there.getresponse()
                content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.title() in PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
