"""From a host and a port to an open connection to an address that was checked.

A name is resolved once, every address it has is checked, and the connection goes
to one of those very addresses: a name that answers differently the second time
(DNS rebinding) gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from libs.crawl.addresses import WEB_PORTS, AllowList, canonical_host, is_public, literal_address

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a name and a port into the texts of its addresses; raises OSError."""


class DestinationRefused(Exception):
    """It would not be safe to connect. The message says why."""


class DestinationUnreachable(Exception):
    """No connection could be made. The message says why."""


async def system_resolve(name: str, port: int) -> Sequence[str]:
    """What the operating system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Destinations:
    """Opens connections to public web servers, and to the deployer's exceptions."""

    def __init__(
        self, allow: AllowList, connect_timeout_s: float, resolve: Resolve = system_resolve
    ) -> None:
        self._allow = allow
        self._timeout_s = connect_timeout_s
        self._resolve = resolve

    async def connect(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens a connection to the first address that accepts one.

        Raises:
            DestinationRefused: the port or one of the addresses is not allowed.
            DestinationUnreachable: no address, or none that accepts.
        """
        host = canonical_host(host)
        for address in (addresses := await self._checked_addresses(host, port)):
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await asyncio.open_connection(address, port)
            except (OSError, TimeoutError):
                continue
        tried = "its address" if len(addresses) == 1 else f"none of its {len(addresses)} addresses"
        accepts = "does not accept" if len(addresses) == 1 else "accepts"
        raise DestinationUnreachable(f"{host}: {tried} {accepts} a connection on port {port}")

    async def _checked_addresses(self, host: str, port: int) -> Sequence[str]:
        exempt = self._allow.allows(host, port)
        if not exempt and port not in WEB_PORTS:
            raise DestinationRefused(f"port {port} of {host} is not a web port (80, 443)")
        literal = literal_address(host)
        if literal is not None:
            if not exempt and not is_public(literal):
                raise DestinationRefused(f"{host} is not a public address")
            return [str(literal)]
        addresses = await self._resolved(host, port)
        for address in addresses:
            parsed = literal_address(address)
            if not exempt and (parsed is None or not is_public(parsed)):
                raise DestinationRefused(
                    f"the name {host} resolves to {address}, which is not a public address"
                )
        return addresses

    async def _resolved(self, host: str, port: int) -> Sequence[str]:
        try:
            async with asyncio.timeout(self._timeout_s):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise DestinationUnreachable(f"the name {host} could not be resolved in time") from None
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise DestinationUnreachable(f"the name {host} does not resolve")
        return addresses
