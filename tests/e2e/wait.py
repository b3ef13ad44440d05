"""Waiting for something to become true: by looking, never by sleeping for long enough."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_S = 0.1

T = TypeVar("T")


async def eventually(
    what: str, look: Callable[[], Awaitable[T | None]], *, within_s: float = 30.0
) -> T:
    """The first answer of `look` that is true.

    Raises:
        AssertionError: there was none in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        found = await look()
        if found:
            return found
        assert loop.time() < deadline, f"not within {within_s:g} s: {what}; last seen: {found!r}"
        await asyncio.sleep(POLL_S)
