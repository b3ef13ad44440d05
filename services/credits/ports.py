"""What the handlers need of the store."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Protocol

from services.credits.domain import Account, Hold, Transfer


class CreditsStore(Protocol):
    """See `store.PostgresStore`."""

    async def lock_accounts(self, ids: Collection[str]) -> dict[str, Account]: ...
    async def holds(self, run_ids: Collection[str]) -> dict[str, Hold]: ...
    async def transfer_exists(self, transfer_id: str) -> bool: ...
    async def save(
        self,
        accounts: Iterable[Account],
        holds: Iterable[Hold],
        transfers: Iterable[Transfer],
        now: datetime,
    ) -> None: ...
