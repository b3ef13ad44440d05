"""The inbox: ids of handled messages, so that a redelivery has no second effect."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel


class InboxRow(SQLModel):
    """Columns of a service's `inbox` table."""

    id: str = Field(primary_key=True)
    received_at: datetime = Field(sa_type=sa.DateTime(timezone=True), index=True)


# Sorted, so that two consumers that admit the same ids wait rather than deadlock.
ADMIT = sa.text("""
    INSERT INTO inbox (id, received_at)
    SELECT id, :now FROM unnest(CAST(:ids AS text[])) AS id ORDER BY id
    ON CONFLICT DO NOTHING RETURNING id
""")

FORGET = sa.text("DELETE FROM inbox WHERE received_at < :before")


class Inbox:
    """The inbox of the transaction that `connection` is in."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def admit(self, ids: Sequence[str], now: datetime) -> set[str]:
        """Records message ids and answers those that were not there before."""
        rows = await self._connection.execute(ADMIT, {"ids": sorted(set(ids)), "now": now})
        return {row[0] for row in rows}

    async def forget(self, before: datetime) -> None:
        """Drops ids from before a time; a redelivery later than that is not recognised."""
        await self._connection.execute(FORGET, {"before": before})
