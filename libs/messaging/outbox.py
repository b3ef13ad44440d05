"""The outbox: messages committed with the state they follow from, until they are published.

A row is deleted once the broker has acknowledged it, so the table holds
exactly what is still unsent.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from libs.messaging.bus import Outgoing

SWEEP_LOCK = 0x0D0551E2
"""Advisory lock that lets one process at a time sweep a service's outbox."""


class OutboxRow(SQLModel):
    """Columns of a service's `outbox` table; `tables.py` of each service makes it one."""

    id: str = Field(primary_key=True)
    type: str
    topic: str
    key: str
    headers: dict[str, str] = Field(sa_type=sa.JSON)
    value: bytes
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True), index=True)


INSERT = sa.text("""
    INSERT INTO outbox (id, type, topic, key, headers, value, created_at)
    SELECT * FROM unnest(
        CAST(:ids AS text[]), CAST(:types AS text[]), CAST(:topics AS text[]),
        CAST(:keys AS text[]), CAST(:headers AS json[]), CAST(:payloads AS bytea[]),
        CAST(:times AS timestamptz[]))
""")

DELETE = sa.text("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS text[]))")

TRY_LOCK = sa.text("SELECT pg_try_advisory_xact_lock(:lock)")

SELECT_STALE = sa.text("""
    SELECT id, type, topic, key, headers, value, created_at FROM outbox
    WHERE created_at < :before ORDER BY created_at LIMIT :most
""")

WITHDRAW = sa.text("DELETE FROM outbox WHERE type = :type AND key = ANY(CAST(:keys AS text[]))")

BACKLOG = sa.text("SELECT count(*), min(created_at) FROM outbox")


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many rows an outbox has, and the age of the oldest in seconds; 0 without any."""

    rows: int
    oldest_s: float


class Outbox:
    """The outbox of the transaction that `connection` is in."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, messages: Sequence[Outgoing]) -> None:
        """Stores messages in one statement."""
        await self._connection.execute(
            INSERT,
            {
                "ids": [m.id for m in messages],
                "types": [m.type for m in messages],
                "topics": [m.topic for m in messages],
                "keys": [m.key for m in messages],
                "headers": [json.dumps(m.headers) for m in messages],
                "payloads": [m.value for m in messages],
                "times": [m.created_at for m in messages],
            },
        )

    async def remove(self, ids: Sequence[str]) -> None:
        """Forgets messages that the broker has."""
        await self._connection.execute(DELETE, {"ids": list(ids)})

    async def withdraw(self, message_type: str, keys: Sequence[str]) -> None:
        """Takes back unsent messages of a type, by key."""
        await self._connection.execute(WITHDRAW, {"type": message_type, "keys": list(keys)})

    async def stale(self, before: datetime, most: int) -> list[Outgoing]:
        """Unsent messages from before a time, oldest first; none while another process sweeps."""
        locked = await self._connection.scalar(TRY_LOCK, {"lock": SWEEP_LOCK})
        if not locked:
            return []
        rows = await self._connection.execute(SELECT_STALE, {"before": before, "most": most})
        return [_outgoing(row._mapping) for row in rows]

    async def backlog(self, now: datetime) -> Backlog:
        """What is unsent, of all transactions."""
        rows, oldest = (await self._connection.execute(BACKLOG)).one()
        return Backlog(rows, (now - oldest).total_seconds() if oldest else 0.0)


def _outgoing(row: Any) -> Outgoing:
    headers = row["headers"]
    return Outgoing(
        id=row["id"],
        type=row["type"],
        topic=row["topic"],
        key=row["key"],
        headers=json.loads(headers) if isinstance(headers, str) else headers,
        value=bytes(row["value"]),
        created_at=row["created_at"],
    )
