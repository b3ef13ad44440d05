"""Which addresses a crawl may talk to. Pure: no names are resolved here."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

WEB_PORTS = frozenset({80, 443})

_IPV4_DENIED = [
    ip_network("168.63.129.16/32"),  # the host of an Azure machine; public by registry only
    ip_network("192.0.0.0/24"),  # protocol assignments; `is_global` lets two of them through
    ip_network("192.88.99.0/24"),  # 6to4 relays
]
_IPV6_ALLOWED = IPv6Network("2000::/3")
_IPV6_DENIED = [
    ip_network("2001::/23"),  # IETF protocols, with Teredo, which embeds IPv4
    ip_network("2001:db8::/32"),  # documentation
    ip_network("2002::/16"),  # 6to4 embeds IPv4
    ip_network("3fff::/20"),  # documentation
]
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)
_NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet and embeds no other address.

    Stricter than `is_global`, which lets through NAT64 (`64:ff9b::/96`), 6to4,
    `fec0::/10` and some single addresses that only look public.
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        interface_mark = (int(address) >> 32) & 0xFFFFFFFF
        return (
            address in _IPV6_ALLOWED
            and address.is_global
            and interface_mark not in _ISATAP_MARKS
            and not any(address in network for network in _IPV6_DENIED)
        )
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _IPV4_DENIED)
    )


def literal_address(host: str) -> Address | None:
    """The address that a host spells out, in any spelling a browser understands.

    IPv4 may be decimal, octal or hexadecimal, with one to four parts
    (`2130706433`, `0177.1`, `0x7f.0.0.1`); IPv6 may stand in brackets.
    None when the host is a name.
    """
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare:
        try:
            return ip_address(bare.partition("%")[0])
        except ValueError:
            return None
    if _NUMERIC_HOST.fullmatch(bare):
        try:
            return IPv4Address(socket.inet_aton(bare.removesuffix(".")))
        except OSError:
            return None
    return None


def canonical_host(host: str) -> str:
    """One spelling per host: lower case, no final dot, addresses in their usual form."""
    address = literal_address(host)
    return str(address) if address is not None else host.lower().removesuffix(".")


def split_host_port(text: str) -> tuple[str, int | None]:
    """`example.com:81` as (`example.com`, 81); IPv6 with a port needs brackets.

    Raises:
        ValueError: the port is not a number from 1 to 65535.
    """
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port_text = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port_text = text.partition(":")
    else:
        host, port_text = text, ""
    if not port_text:
        return host, None
    if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) < 65536):
        raise ValueError(f"{port_text!r} is not a port")
    return host, int(port_text)


class AllowList:
    """The deployer's exceptions: hosts that may be private and use any port, or the named one."""

    def __init__(self, text: str) -> None:
        """`text` is comma-separated `host` or `host:port`.

        Raises:
            ValueError: a port is not a number from 1 to 65535.
        """
        entries = (split_host_port(part.strip()) for part in text.split(",") if part.strip())
        self._entries = {(canonical_host(host), port) for host, port in entries}

    def allows(self, host: str, port: int) -> bool:
        host = canonical_host(host)
        return (host, port) in self._entries or (host, None) in self._entries
