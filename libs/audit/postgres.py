"""Reading a live database without disturbing it: pages of keys, and the rows of some keys.

Every transaction is short and READ ONLY, and its rows are of one instant (REPEATABLE READ).
Every query goes by an index and is bounded in time; none waits long for a lock.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

R = TypeVar("R")

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 20
SESSION = {
    "application_name": "dossier-audit",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
}
FAILURES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What the client raises when it is told in the midst of things that its server ends.
    asyncpg.InternalClientError,
)


class CannotLook(Exception):
    """A database did not answer; the message says which, why, and what to do."""


class TookTooLong(CannotLook):
    """A query took longer than `STATEMENT_TIMEOUT_S`: for fewer keys it may not."""


class Reading:
    """A database as it was at one instant."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def keys(self, query: str, after: str, most: int) -> list[str]:
        """A page of keys in their order: the first `most` that come after `after`."""
        return [record[0] for record in await self._connection.fetch(query, after, most)]

    async def rows(self, row: type[R], query: str, keys: Collection[str]) -> list[R]:
        """What a query finds for some keys; its columns are the fields of the row, in order."""
        return [row(*record) for record in await self.records(query, keys)]

    async def records(self, query: str, keys: Collection[str]) -> list[Any]:
        """What a query finds for some keys, column by column."""
        found: list[Any] = await self._connection.fetch(query, list(keys))
        return found

    async def sums(self, query: str, keys: Collection[str]) -> dict[str, int]:
        """A sum for each key that has one."""
        return dict(await self._connection.fetch(query, list(keys)))


class Database:
    """One service's database. Connects on first use."""

    def __init__(self, service: str, url: str) -> None:
        self._service = service
        self._url = url
        self._connection: Any = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """A transaction that cannot write.

        Raises:
            TookTooLong: a query was cut off.
            CannotLook: the database does not answer, or its URL is malformed.
        """
        try:
            if self._connection is None:
                self._connection = await self._connect()
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                yield Reading(self._connection)
        except FAILURES as error:
            # The state of the connection is unknown now: the next reading gets another.
            self._drop()
            # What PostgreSQL says of a statement of ours names no more than tables and roles.
            cut_off = isinstance(error, asyncpg.QueryCanceledError)
            raise (TookTooLong if cut_off else CannotLook)(
                f"The {self._service} database could not be read: {error!r}. "
                "Is it running, and is its URL right?"
            ) from error

    async def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close(timeout=CONNECT_TIMEOUT_S)
            self._connection = None

    async def _connect(self) -> Any:
        try:
            return await asyncpg.connect(
                self._url,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S + CONNECT_TIMEOUT_S,
                server_settings=SESSION,
            )
        except (ValueError, OverflowError):
            # What the client says of a URL quotes from it, and that may be the password.
            raise CannotLook(
                f"The URL of the {self._service} database is malformed: "
                "percent-encode special characters of the password, and look at the port."
            ) from None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
