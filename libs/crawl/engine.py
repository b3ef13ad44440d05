"""What a running browser is to the crawler, whichever it is."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from playwright.async_api import Page as Tab

START_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 3.0
HEAP_LIMIT_MB = 512
"""Of one tab's scripts."""


class Engine(Protocol):
    """A running browser, all of whose requests go to the guard."""

    @property
    def is_alive(self) -> bool:
        """Whether it can still open tabs."""

    def tab(self) -> AbstractAsyncContextManager[Tab]:
        """A fresh tab that shares nothing with others; gone at the end of the block."""

    async def close(self) -> None:
        """Ends the browser and all its tabs, promptly."""


async def close_quietly(closing: Coroutine[None, None, None]) -> bool:
    """Closes something that may be dead or stuck already. False when it did not close in time.

    The closing goes on when the caller is cancelled meanwhile, so that nothing stays open.
    """
    task = asyncio.ensure_future(closing)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    finished, _ = await asyncio.wait({task}, timeout=CLOSE_TIMEOUT_S)
    return bool(finished)
