"""The guard: what it lets through, and what it says of the rest."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest

from libs.crawl.addresses import AllowList
from libs.crawl.destinations import Destinations, Resolve, system_resolve
from libs.crawl.guard import Guard
from tests.integration.crawl.site import Site, page, silence


@asynccontextmanager
async def guarded(
    allow: str = "", resolve: Resolve = system_resolve, max_bytes: int = 1_000_000
) -> AsyncIterator[tuple[Guard, httpx.AsyncClient]]:
    guard = Guard(Destinations(AllowList(allow), 1.0, resolve), max_bytes)
    await guard.start()
    try:
        async with httpx.AsyncClient(proxy=guard.url, trust_env=False, timeout=5) as client:
            yield guard, client
    finally:
        await guard.close()


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "127.0.0.1 is not a public address"),
        ("2130706433", "127.0.0.1 is not a public address"),
        ("0x7f.1", "127.0.0.1 is not a public address"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1 is not a public address"),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1 is not a public address"),
        ("169.254.169.254", "169.254.169.254 is not a public address"),
        ("8.8.8.8:22", "port 22 of 8.8.8.8 is not a web port (80, 443)"),
    ],
)
async def test_unsafe_destinations_are_refused_with_the_reason(host: str, reason: str) -> None:
    async with guarded() as (guard, client):
        answer = await client.get(f"http://{host}/")
        assert answer.status_code == 403
        assert answer.headers[guard.reason_header].replace("::ffff:7f00:1", "::ffff:127.0.0.1") == (
            reason
        )
        with pytest.raises(httpx.ProxyError, match=r"^403 .*(not a public|not a web)"):
            await client.get(f"https://{host}/")


async def test_a_name_is_refused_when_any_of_its_addresses_is_inside() -> None:
    async def both(name: str, port: int) -> Sequence[str]:
        return ["93.184.216.34", "10.1.2.3"]

    async with guarded(resolve=both) as (guard, client):
        answer = await client.get("http://two-faced.example/")
        assert answer.headers[guard.reason_header] == (
            "the name two-faced.example resolves to 10.1.2.3, which is not a public address"
        )


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(site: Site) -> None:
    """DNS rebinding: the second answer would lead elsewhere; nobody asks for it."""
    answers = ["127.0.0.1", "10.9.9.9"]
    asked = 0

    async def changing(name: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return [answers[asked - 1]]

    site.pages["/"] = page("hello")
    async with guarded(f"rebind.example:{site.port}", changing) as (_, client):
        answer = await client.get(f"http://rebind.example:{site.port}/")
    assert (answer.text, asked) == ("hello", 1)


async def test_an_exception_holds_for_its_port_alone(site: Site, inner: Site) -> None:
    site.pages["/"] = page("hello")
    async with guarded(site.host) as (_, client):
        assert (await client.get(site.url())).text == "hello"
        assert (await client.get(inner.url())).status_code == 403
    assert inner.connections == 0


async def test_names_and_addresses_that_do_not_answer() -> None:
    async def resolve(name: str, port: int) -> Sequence[str]:
        if name == "stuck.example":
            await asyncio.sleep(60)
        return ["127.0.0.1"] if name == "closed.example" else []

    async with Site() as closed:
        port = closed.port
    async with guarded("closed.example", resolve) as (guard, client):
        for url, reason in [
            ("http://none.example/", "the name none.example does not resolve"),
            ("http://stuck.example/", "the name stuck.example could not be resolved in time"),
            (
                f"http://closed.example:{port}/",
                f"closed.example: its address does not accept a connection on port {port}",
            ),
        ]:
            answer = await client.get(url)
            assert (answer.status_code, answer.headers[guard.reason_header]) == (502, reason)


async def test_a_site_cannot_speak_in_the_name_of_the_guard(site: Site) -> None:
    site.pages["/"] = page("", 403, x_guard="refused")
    async with guarded(site.host) as (guard, client):
        assert guard.reason_header not in (await client.get(site.url())).headers


async def test_each_request_is_checked_anew(site: Site, inner: Site) -> None:
    """A second request on an open proxy connection must not ride along to the first server."""
    site.pages["/"] = page("hello")
    async with guarded(site.host) as (guard, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(guard.url.split(":")[2]))
        request = f"GET {site.url()} HTTP/1.1\r\nhost: {site.host}\r\n\r\n"
        writer.write(request.encode())
        assert b"connection: close" in await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        assert reader.at_eof()
        writer.close()


async def test_a_connection_carries_no_more_than_its_bytes(site: Site) -> None:
    site.pages["/"] = page("x" * 500_000)
    async with guarded(site.host, max_bytes=100_000) as (_, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(site.url())


@pytest.mark.parametrize("request_text", ["GET / HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n"])
async def test_it_is_a_proxy_and_nothing_else(request_text: str) -> None:
    async with guarded() as (guard, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(guard.url.split(":")[2]))
        writer.write(request_text.encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 400 not a proxy request")
        writer.close()


async def test_closing_drops_what_is_open(site: Site) -> None:
    site.pages["/"] = silence
    async with guarded(site.host) as (guard, client):
        waiting = asyncio.ensure_future(client.get(site.url()))
        while not site.hits["/"]:
            await asyncio.sleep(0.01)
        await guard.close()
        with pytest.raises(httpx.HTTPError):
            await waiting
