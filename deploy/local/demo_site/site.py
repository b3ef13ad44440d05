"""Serves the company site over real HTTP on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from importlib.resources.abc import Traversable

HOST = "127.0.0.1"
FOLDER = files(__package__)
TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "json": "application/json",
    "txt": "text/plain",
    "xml": "application/xml",
}


@contextmanager
def served(port: int) -> Iterator[str]:
    """Serves the site while the block runs; answers its address, `http://127.0.0.1:port`."""
    origin = f"http://{HOST}:{port}"
    documents = build(origin)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].rstrip("/") or "/"
            missing = ("text/html", b"<!doctype html><title>Not found</title><h1>Not found</h1>")
            content_type, body = documents.get(path, missing)
            self.send_response(HTTPStatus.OK if path in documents else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", f"{content_type}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            """Nothing: the demo shows what was read."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def build(origin: str) -> dict[str, tuple[str, bytes]]:
    """All documents of the site: path to content type and body."""
    layout = (FOLDER / "layout.html").read_text()
    texts = {"/robots.txt": (FOLDER / "robots.txt").read_text()}
    pages = dict(_pages(FOLDER / "pages", ""))
    for path, source in pages.items():
        texts[path] = _page(layout, path, source)
    public = "".join(f"<url><loc>{{{{origin}}}}{path}</loc></url>" for path in sorted(pages))
    texts["/sitemap.xml"] = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{public}</urlset>'
    )
    for asset in (FOLDER / "assets").iterdir():
        texts[f"/assets/{asset.name}"] = asset.read_text()
    return {
        path: (
            TYPES.get(path.rpartition(".")[2], "text/html"),
            text.replace("{{origin}}", origin).encode(),
        )
        for path, text in texts.items()
    }


def _pages(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _pages(entry, f"{prefix}/{entry.name}")
        else:
            name = entry.name.removesuffix(".html")
            yield (prefix or "/") if name == "index" else f"{prefix}/{name}", entry.read_text()


def _page(layout: str, path: str, source: str) -> str:
    """Puts a page's body and its `title:` and `description:` lines into the layout."""
    head, _, body = source.partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    page = layout.replace("{{path}}", path).replace("{{body}}", body)
    for name, value in fields.items():
        page = page.replace("{{" + name + "}}", escape(value))
    return page
