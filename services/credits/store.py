"""Every SQL statement of the credits service."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.messaging.errors import Poison
from services.credits.domain import Account, EntryKind, Hold, HoldState, Transfer

# Sorted, so that two batches over the same accounts wait for each other and never deadlock.
CREATE_ACCOUNTS = sa.text("""
    INSERT INTO accounts (id, posted, held)
    SELECT id, 0, 0 FROM unnest(CAST(:ids AS text[])) AS id ORDER BY id
    ON CONFLICT DO NOTHING
""")

LOCK_ACCOUNTS = sa.text("""
    SELECT id, posted, held FROM accounts
    WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR UPDATE
""")

SELECT_HOLDS = sa.text("""
    SELECT run_id, account_id, amount, state FROM holds
    WHERE run_id = ANY(CAST(:ids AS text[]))
""")

SAVE_ACCOUNTS = sa.text("""
    UPDATE accounts SET posted = new.posted, held = new.held
    FROM unnest(CAST(:ids AS text[]), CAST(:posted AS bigint[]), CAST(:held AS bigint[]))
        AS new (id, posted, held)
    WHERE accounts.id = new.id
""")

SAVE_HOLDS = sa.text("""
    INSERT INTO holds (run_id, account_id, amount, state, created_at, updated_at)
    SELECT run_id, account_id, amount, state, :now, :now
    FROM unnest(CAST(:run_ids AS text[]), CAST(:accounts AS text[]),
                CAST(:amounts AS bigint[]), CAST(:states AS text[]))
        AS new (run_id, account_id, amount, state)
    ON CONFLICT (run_id) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
    WHERE holds.account_id = excluded.account_id
    RETURNING run_id
""")

INSERT_ENTRIES = sa.text("""
    INSERT INTO entries
        (transfer_id, account_id, amount, kind, run_id, reason, posted_after, created_at)
    SELECT *, CAST(:now AS timestamptz) FROM unnest(
        CAST(:transfers AS text[]), CAST(:accounts AS text[]), CAST(:amounts AS bigint[]),
        CAST(:kinds AS text[]), CAST(:runs AS text[]), CAST(:reasons AS text[]),
        CAST(:posted AS bigint[]))
""")

SELECT_LEDGER = sa.text("""
    SELECT id, transfer_id, amount, kind, run_id, reason, posted_after, created_at FROM entries
    WHERE account_id = :account AND id < :before ORDER BY id DESC LIMIT :most
""")

SELECT_OPEN_HOLDS = sa.text("""
    SELECT run_id, amount, created_at FROM holds
    WHERE account_id = :account AND state = 'held' ORDER BY created_at DESC LIMIT :most
""")

# Goes by the index of open holds, of which there are never many, and reads their rows.
ALL_OPEN_HOLDS = sa.text("SELECT count(*), min(created_at) FROM holds WHERE state = 'held'")

FIND_TRANSFER = sa.text("SELECT 1 FROM entries WHERE transfer_id = :id LIMIT 1")
READ_ACCOUNT = sa.text("SELECT posted, held FROM accounts WHERE id = :id")


class PostgresStore:
    """The store within the transaction that `connection` is in."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_accounts(self, ids: Collection[str]) -> dict[str, Account]:
        """Locks accounts, and creates those that do not exist yet with nothing on them."""
        wanted = {"ids": list(ids)}
        # Before any lock: who inserts while holding some takes them out of order.
        await self._connection.execute(CREATE_ACCOUNTS, wanted)
        rows = await self._connection.execute(LOCK_ACCOUNTS, wanted)
        return {row.id: Account(row.id, row.posted, row.held) for row in rows}

    async def holds(self, run_ids: Collection[str]) -> dict[str, Hold]:
        """The holds of runs. They change only under the lock of their account."""
        rows = await self._connection.execute(SELECT_HOLDS, {"ids": list(run_ids)})
        return {
            row.run_id: Hold(row.run_id, row.account_id, row.amount, HoldState(row.state))
            for row in rows
        }

    async def transfer_exists(self, transfer_id: str) -> bool:
        """Whether a transfer was posted before."""
        found = await self._connection.scalar(FIND_TRANSFER, {"id": transfer_id})
        return found is not None

    async def save(
        self,
        accounts: Iterable[Account],
        holds: Iterable[Hold],
        transfers: Iterable[Transfer],
        now: datetime,
    ) -> None:
        """Writes what a batch changed: a statement for each table that it changed.

        Raises:
            Poison: a run's hold has just become another account's.
        """
        if changed := list(accounts):
            await self._connection.execute(
                SAVE_ACCOUNTS,
                {
                    "ids": [a.id for a in changed],
                    "posted": [a.posted for a in changed],
                    "held": [a.held for a in changed],
                },
            )
        if settled := list(holds):
            await self._save_holds(settled, now)
        if posted := list(transfers):
            await self._insert_entries(posted, now)

    async def _save_holds(self, holds: list[Hold], now: datetime) -> None:
        rows = await self._connection.execute(
            SAVE_HOLDS,
            {
                "run_ids": [h.run_id for h in holds],
                "accounts": [h.account_id for h in holds],
                "amounts": [h.amount for h in holds],
                "states": [h.state for h in holds],
                "now": now,
            },
        )
        # The lock of an account does not keep a run from being held for another one meanwhile.
        if taken := {h.run_id for h in holds} - {row.run_id for row in rows}:
            raise Poison(f"{min(taken)} belongs to another account")

    async def _insert_entries(self, transfers: list[Transfer], now: datetime) -> None:
        halves = [half for transfer in transfers for half in _entries(transfer)]
        columns = ("transfers", "accounts", "amounts", "kinds", "runs", "reasons", "posted")
        values: dict[str, Any] = {
            name: [half[index] for half in halves] for index, name in enumerate(columns)
        }
        await self._connection.execute(INSERT_ENTRIES, {**values, "now": now})

    async def account(self, account_id: str) -> Account:
        """An account as it is now, without a lock; an unknown one is empty."""
        row = (await self._connection.execute(READ_ACCOUNT, {"id": account_id})).one_or_none()
        return Account(account_id, *row) if row else Account(account_id)

    async def ledger(self, account_id: str, before: int, most: int) -> list[dict[str, Any]]:
        """Entries of an account with an id below `before`, newest first."""
        rows = await self._connection.execute(
            SELECT_LEDGER, {"account": account_id, "before": before, "most": most}
        )
        return [dict(row) for row in rows.mappings()]

    async def open_holds(self, account_id: str, most: int) -> list[dict[str, Any]]:
        """What an account has set aside, newest first."""
        rows = await self._connection.execute(
            SELECT_OPEN_HOLDS, {"account": account_id, "most": most}
        )
        return [dict(row) for row in rows.mappings()]

    async def all_open_holds(self) -> tuple[int, datetime | None]:
        """How many holds of all accounts are open, and since when the oldest is."""
        count, oldest = (await self._connection.execute(ALL_OPEN_HOLDS)).one()
        return count, oldest


def _entries(transfer: Transfer) -> list[tuple[Any, ...]]:
    """The two halves of a transfer; the user's half tells what they have afterwards."""
    user_receives = transfer.kind is not EntryKind.CHARGE
    common = (transfer.kind, transfer.run_id, transfer.reason)
    return [
        (
            transfer.id,
            transfer.source,
            -transfer.amount,
            *common,
            None if user_receives else transfer.posted_after,
        ),
        (
            transfer.id,
            transfer.destination,
            transfer.amount,
            *common,
            transfer.posted_after if user_receives else None,
        ),
    ]
