"""Inbox and outbox on the database in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from libs.messaging.bus import Outgoing

if TYPE_CHECKING:
    from tests.simulation.database import Session

INBOX, OUTBOX, LOCKS = "inbox", "outbox", "advisory_locks"


class MemoryInbox:
    """See `libs.messaging.inbox.Inbox`."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    async def admit(self, ids: Sequence[str], now: datetime) -> set[str]:
        await self._session.statement()
        return {
            id_ for id_ in sorted(set(ids)) if await self._session.insert((INBOX, id_, (id_, now)))
        }

    async def forget(self, before: datetime) -> None:
        await self._session.statement()
        old = [id_ for id_, received_at in self._session.rows(INBOX) if received_at < before]
        for id_, _ in await self._session.lock(INBOX, old):
            await self._session.put(INBOX, id_, None)


class MemoryOutbox:
    """See `libs.messaging.outbox.Outbox`."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    async def add(self, messages: Sequence[Outgoing]) -> None:
        await self._session.statement()
        for message in messages:
            # A row has no partition, and nobody else's headers.
            row = replace(message, headers=dict(message.headers), partition=None, durable=True)
            if not await self._session.insert((OUTBOX, row.id, row)):
                raise self._session.violates("outbox_pkey")

    async def remove(self, ids: Sequence[str]) -> None:
        await self._session.statement()
        for row in await self._session.lock(OUTBOX, set(ids)):
            await self._session.put(OUTBOX, row.id, None)

    async def withdraw(self, message_type: str, keys: Sequence[str]) -> None:
        await self._session.statement()
        rows = self._session.rows(OUTBOX)
        unsent = [row.id for row in rows if row.type == message_type and row.key in keys]
        for row in await self._session.lock(OUTBOX, unsent):
            await self._session.put(OUTBOX, row.id, None)

    async def stale(self, before: datetime, most: int) -> list[Outgoing]:
        await self._session.statement()
        if not self._session.try_own(LOCKS, "sweep"):
            return []
        old = [row for row in self._session.rows(OUTBOX) if row.created_at < before]
        return sorted(old, key=lambda row: row.created_at)[:most]
