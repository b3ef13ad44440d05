"""Links cut connections as a network does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.links import HOST, Forwarder

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SOON_S = 5.0
WAIT_S = 0.2


@asynccontextmanager
async def echoing() -> AsyncIterator[Forwarder]:
    """A link to a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(100):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    link = Forwarder(lambda: port, is_kafka=False)
    await link.open()
    try:
        yield link
    finally:
        await link.close()
        server.close()


async def ask(streams: Streams, question: bytes) -> bytes:
    reader, writer = streams
    writer.write(question)
    return await asyncio.wait_for(reader.read(100), SOON_S)


async def test_an_open_link_carries_both_ways() -> None:
    async with echoing() as link:
        streams = await asyncio.open_connection(HOST, link.port)
        assert await ask(streams, b"one") == b"one"
        assert await ask(streams, b"two") == b"two"
        streams[1].close()


async def test_what_was_sent_over_a_stalled_link_arrives_later() -> None:
    async with echoing() as link:
        old = await asyncio.open_connection(HOST, link.port)
        assert await ask(old, b"one") == b"one"
        link.stall()
        new = await asyncio.open_connection(HOST, link.port)
        answers = [asyncio.create_task(ask(streams, b"late")) for streams in (old, new)]
        done, _ = await asyncio.wait(answers, timeout=WAIT_S)
        assert not done
        link.mend()
        assert await asyncio.gather(*answers) == [b"late", b"late"]
        for streams in (old, new):
            streams[1].close()


async def test_a_severed_link_resets_old_and_new_connections() -> None:
    async with echoing() as link:
        old = await asyncio.open_connection(HOST, link.port)
        assert await ask(old, b"one") == b"one"
        link.sever()
        assert await _is_reset(old)
        assert await _is_reset(await asyncio.open_connection(HOST, link.port))
        link.mend()
        new = await asyncio.open_connection(HOST, link.port)
        assert await ask(new, b"two") == b"two"
        new[1].close()


async def _is_reset(streams: Streams) -> bool:
    try:
        return await ask(streams, b"?") == b""
    except ConnectionError:
        return True


async def test_a_connection_that_is_closed_on_one_side_is_closed_on_the_other() -> None:
    async with echoing() as link:
        reader, writer = await asyncio.open_connection(HOST, link.port)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), SOON_S) == b""
        writer.close()


@pytest.mark.parametrize("parts", [1, 2])
async def test_the_broker_is_known_by_the_address_of_the_link(parts: int) -> None:
    async def name_itself(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        body = b"\x00\x09" + HOST.encode() + port.to_bytes(4) + b"rest"
        frame = len(body).to_bytes(4) + body
        for start in range(0, len(frame), len(frame) // parts + 1):
            writer.write(frame[start : start + len(frame) // parts + 1])
            await writer.drain()
            await asyncio.sleep(WAIT_S / 4)
        writer.close()

    server = await asyncio.start_server(name_itself, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    link = Forwarder(lambda: port, is_kafka=True)
    await link.open()
    reader, writer = await asyncio.open_connection(HOST, link.port)
    writer.write(b"who are you?")
    answer = await asyncio.wait_for(reader.read(), SOON_S)
    assert answer.endswith(HOST.encode() + link.port.to_bytes(4) + b"rest")
    writer.close()
    await link.close()
    server.close()
