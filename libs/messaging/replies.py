"""Waiting for the answer to a command: one future per correlation id."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from libs.contracts.envelope import ReplyAddress
from libs.contracts.gateway import Reply
from libs.messaging.bus import Incoming
from libs.messaging.errors import Poison
from libs.messaging.router import decode


class ReplyDesk:
    """Matches replies that arrive on this process's partition to those who wait for them.

    Replies that nobody waits for are somebody else's on the same partition, or late.
    """

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self._waiting: dict[str, asyncio.Future[Reply]] = {}

    @contextmanager
    def expect(self, correlation_id: str) -> Iterator[tuple[ReplyAddress, asyncio.Future[Reply]]]:
        """An address to put into a command, and the future of its reply."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = future
        try:
            yield ReplyAddress(partition=self.partition, correlation_id=correlation_id), future
        finally:
            del self._waiting[correlation_id]

    async def handle(self, batch: Sequence[Incoming]) -> None:
        """Delivers a batch of replies."""
        for incoming in batch:
            future = self._waiting.get(incoming.headers.get("correlation_id", ""))
            if future is None or future.done():
                continue
            try:
                message = decode(incoming).message
            except Poison:
                continue
            if isinstance(message, Reply):
                future.set_result(message)
