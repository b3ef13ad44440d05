"""The HTTP heads that the guard reads and writes. Pure."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from libs.crawl.addresses import split_host_port

HEAD_LIMIT_BYTES = 64 * 1024
"""Longest head (start line and headers) of a request or a response."""

_HOP_BY_HOP = (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization")


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """What a client asks of the proxy. `forward` is the head to send on; None for a tunnel."""

    host: str
    port: int
    forward: bytes | None


def parse_request(head: bytes) -> ProxyRequest:
    """Reads a CONNECT or an absolute-form request.

    Raises:
        ValueError: it is neither, or malformed.
    """
    start, _, headers = head.partition(b"\r\n")
    method, target, version = start.decode("ascii").split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("not HTTP/1")
    if method == "CONNECT":
        host, port = _host_port(target)
        if not host or port is None:
            raise ValueError("CONNECT needs host:port")
        return ProxyRequest(host, port, None)
    url = urlsplit(target)
    host, port = split_host_port(url.netloc)
    if url.scheme != "http" or not host or "@" in host:
        raise ValueError("not an absolute http URL")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    forward = f"{method} {path} HTTP/1.1\r\n".encode() + _closing(headers)
    return ProxyRequest(host, port or 80, forward)


def closing_response(head: bytes) -> bytes:
    """A response head that tells the client to expect nothing more on this connection."""
    start, _, headers = head.partition(b"\r\n")
    return start + b"\r\n" + _closing(headers)


def is_interim(head: bytes) -> bool:
    """Whether a response head is only a 1xx notice before the real one."""
    return head.split(b" ", 2)[1:2] in ([b"100"], [b"102"], [b"103"])


def refusal(status: int, header: str, reason: str) -> bytes:
    """The guard's own answer. The reason stands in the status line as well as in a header,
    because a client shows no headers of a refused CONNECT."""
    reason = reason.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
    return (
        f"HTTP/1.1 {status} {reason}\r\n{header}: {reason}\r\n"
        f"content-length: 0\r\nconnection: close\r\n\r\n"
    ).encode()


def _host_port(target: str) -> tuple[str, int | None]:
    """The target of a CONNECT, which always has a port. Some clients forget the brackets of an
    IPv6 address; what is meant is then still clear."""
    host, _, port = target.rpartition(":")
    return split_host_port(
        target if host.startswith("[") or ":" not in host else f"[{host}]:{port}"
    )


def _closing(headers: bytes) -> bytes:
    """The headers without the hop-by-hop ones and with `connection: close`."""
    kept = [
        line
        for line in headers.split(b"\r\n")
        if line and line.partition(b":")[0].strip().lower() not in _HOP_BY_HOP
    ]
    return b"".join(line + b"\r\n" for line in [*kept, b"connection: close"]) + b"\r\n"
