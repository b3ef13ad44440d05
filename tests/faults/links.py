"""Links: small TCP forwarders, one for each process and each neighbour that it connects to.

So the connections between two processes can be cut without touching either, and without any
right that a user does not have. What reaches a link waits there while it is stalled, and is reset
while it is severed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from tests.faults.plan import BROKER, LINKS, Link

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536


class Forwarder:
    """One link. `target_port` is asked at every connection: the target may not be up yet."""

    def __init__(self, target_port: Callable[[], int], *, is_kafka: bool) -> None:
        self._target_port = target_port
        self._is_kafka = is_kafka
        self._flows = asyncio.Event()
        self._flows.set()
        self._severed = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, 0)

    @property
    def port(self) -> int:
        assert self._server is not None, "open it first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def sever(self) -> None:
        self._severed = True
        for end in self._ends:
            end.transport.abort()

    def stall(self) -> None:
        self._flows.clear()

    def mend(self) -> None:
        self._severed = False
        self._flows.set()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.sever()
        self._flows.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            if self._severed:
                raise ConnectionResetError
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target_port())
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._ends |= ends
        back = self._kafka_answers if self._is_kafka else self._bytes
        ways = [
            asyncio.ensure_future(self._bytes(reader, far_writer)),
            asyncio.ensure_future(back(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.close()
            self._ends -= ends

    async def _bytes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._deliver(chunk, writer)

    async def _kafka_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answers of the broker, in which it names its address: clients shall come here again."""
        real = HOST.encode() + self._target_port().to_bytes(4)
        here = HOST.encode() + self.port.to_bytes(4)
        while True:
            size = await reader.readexactly(4)
            answer = await reader.readexactly(int.from_bytes(size))
            await self._deliver(size + answer.replace(real, here), writer)

    async def _deliver(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        writer.write(chunk)
        await writer.drain()


class Network:
    """All links. `port_of` answers where a process listens."""

    def __init__(self, port_of: Callable[[str], int]) -> None:
        self._links = {
            link: Forwarder(lambda link=link: port_of(link.target), is_kafka=link.target == BROKER)  # type: ignore[misc]
            for link in LINKS
        }

    async def open(self) -> None:
        for forwarder in self._links.values():
            await forwarder.open()

    @property
    def ports(self) -> Mapping[str, Mapping[str, int]]:
        """The port of each link, by process and target."""
        ports: dict[str, dict[str, int]] = {}
        for link, forwarder in self._links.items():
            ports.setdefault(link.process, {})[link.target] = forwarder.port
        return ports

    def sever(self, links: Sequence[Link]) -> None:
        for link in links:
            self._links[link].sever()

    def stall(self, links: Sequence[Link]) -> None:
        for link in links:
            self._links[link].stall()

    def mend(self, links: Sequence[Link]) -> None:
        for link in links:
            self._links[link].mend()

    async def close(self) -> None:
        for forwarder in self._links.values():
            await forwarder.close()
