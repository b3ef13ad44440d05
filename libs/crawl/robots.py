"""robots.txt: read once per host, obeyed."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from libs.crawl.outcomes import PageEnded, blocked

ROBOTS_LIMIT_BYTES = 512 * 1024
ROBOTS_LIFETIME_S = 3600.0
MAX_HOSTS = 1000
MAX_SITEMAPS = 5

Fetch = Callable[[str], Awaitable[tuple[int, bytes]]]
"""Reads a robots.txt (at most its first 512 KiB) and answers status and body; raises PageEnded."""


@dataclass(frozen=True, slots=True)
class Robots:
    """What one host's robots.txt says. `rules` is None where there are none;
    `unreadable` is why the file could not be read although the host has one."""

    rules: Protego | None = None
    unreadable: str | None = None

    def check(self, url: str, agent: str) -> None:
        """
        Raises:
            PageEnded: `blocked`, when the page may not be read.
        """
        parts = urlsplit(url)
        if self.unreadable is not None:
            raise blocked(f"robots.txt of {parts.hostname} could not be read: {self.unreadable}")
        if self.rules is not None and not self.rules.can_fetch(url, agent):
            raise blocked(f"robots.txt of {parts.hostname} does not allow {parts.path or '/'}")

    @property
    def sitemaps(self) -> list[str]:
        return list(self.rules.sitemaps)[:MAX_SITEMAPS] if self.rules is not None else []


def agent_token(user_agent: str) -> str:
    """The name that robots.txt files call us by: `Dossier` of `Dossier/0.1 (+…)`."""
    match = re.match(r"[A-Za-z_-]+", user_agent)
    return match[0] if match else "*"


def judge(status: int, body: bytes) -> Robots:
    """What an answer to the request for robots.txt means (RFC 9309, 2.3.1): without a file all
    is allowed; a server in trouble allows nothing. Slow for long files: call it in a thread."""
    if status >= 500:
        return Robots(unreadable=f"HTTP {status}")
    if not 200 <= status < 300:
        return Robots()
    return Robots(rules=Protego.parse(body[:ROBOTS_LIMIT_BYTES].decode("utf-8", "replace")))


class RobotsCache:
    """The robots.txt of every host met, kept for an hour."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[str, tuple[float, asyncio.Task[Robots]]] = {}

    async def of(self, url: str) -> Robots:
        """The robots.txt that governs a URL.

        Raises:
            PageEnded: the host cannot be reached or must not be.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        known = self._known.get(origin)
        if known is None or time.monotonic() - known[0] > ROBOTS_LIFETIME_S or _broke(known[1]):
            if len(self._known) >= MAX_HOSTS:
                self._known.clear()
            known = (time.monotonic(), asyncio.ensure_future(self._read(origin)))
            self._known[origin] = known
        # Shielded: several pages wait for one file, and one of them may be cancelled.
        return await asyncio.shield(known[1])

    async def close(self) -> None:
        """Gives up files that are still being read."""
        tasks = [task for _, task in self._known.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, origin: str) -> Robots:
        status, body = await self._fetch(f"{origin}/robots.txt")
        return await asyncio.to_thread(judge, status, body)


def _broke(task: asyncio.Task[Robots]) -> bool:
    """Whether the file is to be asked for again: a host that was away may be back."""
    return task.done() and (task.cancelled() or isinstance(task.exception(), PageEnded))
