"""The answer of a check that many requests ask at once, looked up at most once a second."""

import asyncio
from collections.abc import Awaitable, Callable

FRESH_S = 1.0


class Fresh:
    """Whether something is there, as of at most `FRESH_S` ago; one look serves all who wait."""

    def __init__(self, look: Callable[[], Awaitable[bool]]) -> None:
        self._look = look
        self._answer = False
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def __call__(self) -> bool:
        loop = asyncio.get_running_loop()
        async with self._looking:
            if loop.time() - self._looked_at > FRESH_S:
                self._answer = await self._look()
                self._looked_at = loop.time()
        return self._answer

    def forget(self) -> None:
        """The next question looks again, however soon it comes."""
        self._looked_at = float("-inf")
