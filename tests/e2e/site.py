"""A company site of one page on loopback, whose server can be told to hold its answers back."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

HOST = "127.0.0.1"
LONGEST_HOLD_S = 120.0

PERSON = ("Orla", "Venn", "Tallowby")
PAGE = """<!doctype html><html lang="en"><head><title>Orla Venn, Tallowby</title></head><body><main>
<h1>Orla Venn</h1>
<p>Orla Venn is Head of Logistics at Tallowby, where she leads the 12 people who run its depots.</p>
<p>Orla Venn joined Tallowby in 2018 and has opened nine depots in four countries since then.</p>
<p>Before Tallowby, Orla Venn was a route planner at Harbour Freight Lines in Rotterdam.</p>
<p>Tallowby makes route planning software for grocery wholesalers with 20 to 200 vans.</p>
<p>She studied operations research at the University of Delft and plans to open a depot in Lyon.</p>
</main></body></html>"""


class Site:
    """Serves `PAGE` while the block runs.

    While it is held, a visitor waits for `let_go`: so a test decides how long a run takes.
    While it is closed, it answers 500 to whoever wants a page.
    """

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._visited = threading.Event()
        self.closed = False
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, content_type, body = 200, "text/html; charset=utf-8", PAGE
                if self.path == "/robots.txt":
                    content_type, body = "text/plain", "User-agent: *\nAllow: /\n"
                elif site.closed:
                    status, body = 500, "out of order"
                elif self.path == "/":
                    site._visited.set()
                    site._open.wait(LONGEST_HOLD_S)
                else:
                    status, body = 404, "no such page"
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A visitor that was killed is no news."""

        self._server = Server((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def hold(self) -> Self:
        """From now on visitors wait."""
        self._visited.clear()
        self._open.clear()
        return self

    def let_go(self) -> None:
        """Answers those who wait, and all who come."""
        self._open.set()

    def visited(self) -> bool:
        """Whether somebody came since `hold`."""
        return self._visited.is_set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
