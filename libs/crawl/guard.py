"""The guard: a forward proxy on loopback through which all traffic of a crawl leaves.

It is the one place that decides what may be reached. Browser and HTTP client are
told to use it for everything, so redirect hops, subresources, iframes and
WebSockets pass the same check as the page itself.
"""

import asyncio
import secrets
from collections.abc import Coroutine

from libs.crawl.destinations import (
    DestinationRefused,
    Destinations,
    DestinationUnreachable,
)
from libs.crawl.proxy_messages import (
    HEAD_LIMIT_BYTES,
    closing_response,
    is_interim,
    parse_request,
    refusal,
)

MAX_CONNECTIONS = 256
"""Connections at once; more are turned away, so that a page cannot use up the process."""
CONNECTION_LIFETIME_S = 120.0
"""Longest life of one connection, idle or not."""
CHUNK_BYTES = 64 * 1024

REFUSED_STATUS = 403
UNREACHABLE_STATUS = 502


class Guard:
    """A forward proxy (CONNECT and absolute-form HTTP) that only connects where it is safe.

    A refused destination is answered 403, an unreachable one 502, both with the
    reason in the header named `reason_header`. That name is random per guard, so
    that no website can speak in the guard's name.
    """

    def __init__(self, destinations: Destinations, max_connection_bytes: int) -> None:
        self.reason_header = f"x-guard-{secrets.token_hex(8)}"
        self._destinations = destinations
        self._max_bytes = max_connection_bytes
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients reach the proxy.

        Raises:
            RuntimeError: the guard is not running.
        """
        if self._server is None:
            raise RuntimeError("the guard is not running: call start() first")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        """Listens on a free port of the loopback interface."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, limit=HEAD_LIMIT_BYTES
        )

    async def close(self) -> None:
        """Stops listening and drops all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            async with asyncio.timeout(CONNECTION_LIFETIME_S):
                await self._serve(reader, writer)
                writer.close()  # sends what is still buffered, unlike the abort below
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a connection that breaks is the client's to notice; there is nobody to tell here
        except asyncio.CancelledError:
            pass  # close() drops the connection; there is nothing behind this task to cancel
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) > MAX_CONNECTIONS:
            writer.write(refusal(503, self.reason_header, "too many connections at once"))
            return
        try:
            request = parse_request(await reader.readuntil(b"\r\n\r\n"))
        except ValueError as error:
            writer.write(refusal(400, self.reason_header, f"not a proxy request: {error}"))
            return
        try:
            up_reader, up_writer = await self._destinations.connect(request.host, request.port)
        except DestinationRefused as error:
            writer.write(refusal(REFUSED_STATUS, self.reason_header, str(error)))
            return
        except DestinationUnreachable as error:
            writer.write(refusal(UNREACHABLE_STATUS, self.reason_header, str(error)))
            return
        try:
            if request.forward is None:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                download = self._pump(up_reader, writer)
            else:
                up_writer.write(request.forward)
                download = self._download_one(up_reader, writer)
            await _first_done(self._pump(reader, up_writer), download)
        finally:
            up_writer.transport.abort()

    async def _download_one(
        self, up_reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carries one plain response, and tells the client that no other follows: the next
        request may be for another host and must be checked again."""
        head = await up_reader.readuntil(b"\r\n\r\n")
        while is_interim(head):
            head = await up_reader.readuntil(b"\r\n\r\n")
        writer.write(closing_response(head))
        await self._pump(up_reader, writer)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Copies until the source ends or the cap is reached."""
        left = self._max_bytes
        while left > 0 and (chunk := await source.read(CHUNK_BYTES)):
            left -= len(chunk)
            target.write(chunk)
            await target.drain()


async def _first_done(*directions: Coroutine[None, None, None]) -> None:
    """Runs both directions until one ends: the server is done or the client is gone."""
    tasks = [asyncio.ensure_future(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
