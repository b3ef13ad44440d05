"""Accounts and the ledger in memory. See `services.credits.store.PostgresStore`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from libs.messaging.errors import Poison
from services.credits.domain import Account, EntryKind, Hold, Transfer
from tests.simulation.database import Session

ACCOUNTS, HOLDS, ENTRIES = "accounts", "holds", "entries"


@dataclass(frozen=True, slots=True)
class Entry:
    """Half of a transfer."""

    transfer_id: str
    account_id: str
    amount: int
    kind: EntryKind
    run_id: str | None


class MemoryCredits:
    """The store within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def lock_accounts(self, ids: Collection[str]) -> dict[str, Account]:
        wanted = sorted(set(ids))
        await self._session.statement()
        for id_ in wanted:
            await self._session.insert((ACCOUNTS, id_, Account(id_)))
        await self._session.statement()
        return {account.id: account for account in await self._session.lock(ACCOUNTS, wanted)}

    async def holds(self, run_ids: Collection[str]) -> dict[str, Hold]:
        await self._session.statement()
        return {id_: hold for id_ in set(run_ids) if (hold := self._session.get(HOLDS, id_))}

    async def transfer_exists(self, transfer_id: str) -> bool:
        await self._session.statement()
        return any(entry.transfer_id == transfer_id for entry in self._session.rows(ENTRIES))

    async def save(
        self,
        accounts: Iterable[Account],
        holds: Iterable[Hold],
        transfers: Iterable[Transfer],
        now: datetime,
    ) -> None:
        if changed := list(accounts):
            await self._save_accounts(changed)
        if settled := list(holds):
            await self._save_holds(settled)
        if posted := list(transfers):
            await self._insert_entries(posted)

    async def _save_accounts(self, accounts: list[Account]) -> None:
        await self._session.statement()
        for account in accounts:
            for _ in await self._session.lock(ACCOUNTS, [account.id]):
                if account.held < 0:
                    raise self._violates("held_not_negative")
                if account.posted < account.held:
                    raise self._violates("balance_not_negative")
                await self._session.put(ACCOUNTS, account.id, account)

    async def _save_holds(self, holds: list[Hold]) -> None:
        await self._session.statement()
        saved: set[str] = set()
        for hold in holds:
            if hold.amount < 0:
                raise self._violates("amount_not_negative")
            if hold.run_id in saved:
                twice = "ON CONFLICT DO UPDATE command cannot affect row a second time"
                raise self._session.refuse(asyncpg.CardinalityViolationError(twice))
            await self._session.own(HOLDS, hold.run_id)
            before: Hold = self._session.get(HOLDS, hold.run_id) or hold
            if before.account_id == hold.account_id:
                await self._session.put(HOLDS, hold.run_id, replace(before, state=hold.state))
                saved.add(hold.run_id)
        if taken := {hold.run_id for hold in holds} - saved:
            raise Poison(f"{min(taken)} belongs to another account")

    async def _insert_entries(self, transfers: list[Transfer]) -> None:
        await self._session.statement()
        for transfer in transfers:
            for entry in _entries(transfer):
                key = (entry.transfer_id, entry.account_id)
                if not await self._session.insert((ENTRIES, key, entry)):
                    raise self._session.violates("one_entry_per_transfer")

    def _violates(self, constraint: str) -> Exception:
        return self._session.violates(constraint, asyncpg.CheckViolationError)


def _entries(transfer: Transfer) -> list[Entry]:
    common = (transfer.kind, transfer.run_id)
    return [
        Entry(transfer.id, transfer.source, -transfer.amount, *common),
        Entry(transfer.id, transfer.destination, transfer.amount, *common),
    ]
