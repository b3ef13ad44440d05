"""A small web server for tests: pages by path, and answers that misbehave on purpose."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Self

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def page(
    html: str | bytes, status: int = 200, content_type: str = "text/html", **headers: str
) -> Answer:
    """An ordinary answer. Header names are written with underscores."""
    body = html.encode() if isinstance(html, str) else html
    lines = [f"HTTP/1.1 {status} Answer", f"content-type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "connection: close", "", ""]

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + body)

    return answer


def redirect(to: str, status: int = 302) -> Answer:
    return page("", status, location=to)


def endless(chunk: bytes, pause_s: float) -> Answer:
    """An answer that never ends."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n")
        while True:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


async def silence(writer: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await asyncio.sleep(3600)


def slow(answer: Answer, delay_s: float) -> Answer:
    async def delayed(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        await answer(writer)

    return delayed


class Site:
    """Serves `pages` on a free loopback port; `hits` counts requests by path, `heads` keeps
    what was sent."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.hits: Counter[str] = Counter()
        self.connections = 0
        self.heads: list[str] = []
        self._server: asyncio.Server
        self._open: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.heads.append(head.decode())
            self.hits[path] += 1
            await self.pages.get(path, page("<p>Not here.</p>", 404))(writer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
