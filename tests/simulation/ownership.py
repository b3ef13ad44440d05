"""What belongs to a transaction while it is open, and who waits for it.

A circle of waiting is a deadlock. A statement that fails ends its transaction at once:
what it owned is free, and all that is left for its client is to leave.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import asyncpg
import sqlalchemy.exc

from libs.runtime import database

Place = tuple[str, Any]
"""A table and a key: a row, or where one could be."""


class Owner:
    """One open transaction. `owners` are those of all places of its database."""

    def __init__(
        self, owners: "dict[Place, Owner]", statement: Callable[[], Awaitable[None]]
    ) -> None:
        self.statement = statement
        """Awaited before each statement."""
        self._owners = owners
        self._owned: list[Place] = []
        self._waiting_for: Owner | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._over = False

    @property
    def waits(self) -> bool:
        """Whether it waits for another transaction."""
        return self._waiting_for is not None

    async def own(self, table: str, key: Any) -> bool:
        """Gets a place for this transaction; whether it had to wait.

        Raises:
            sqlalchemy.exc.DBAPIError: a deadlock.
            TimeoutError: it waited for as long as a statement may take.
        """
        waited = False
        while (owner := self._owners.get((table, key))) is not None and owner is not self:
            await self._wait(owner)
            waited = True
        if owner is None:
            self._owners[table, key] = self
            self._owned.append((table, key))
        return waited

    def try_own(self, table: str, key: Any) -> bool:
        """Gets a place at once, or not at all."""
        owner = self._owners.get((table, key))
        if owner is None:
            self._owners[table, key] = self
            self._owned.append((table, key))
        return owner is None or owner is self

    def _disown(self, table: str, key: Any) -> None:
        self._owned.remove((table, key))
        del self._owners[table, key]

    async def _wait(self, owner: "Owner") -> None:
        at: Owner | None = owner
        while at is not None:
            if at is self:
                raise self.refuse(asyncpg.DeadlockDetectedError("deadlock detected"))
            at = at._waiting_for
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(database.STATEMENT_TIMEOUT_S, self._time_out, future)
        owner._waiters.append(future)
        self._waiting_for = owner
        try:
            await future
        finally:
            self._waiting_for = None
            timer.cancel()

    def _time_out(self, waiting: "asyncio.Future[None]") -> None:
        if not waiting.done():
            self._abort()
            waiting.set_exception(TimeoutError())

    def refuse(self, error: asyncpg.PostgresError) -> sqlalchemy.exc.DBAPIError:
        """The error of a statement that failed. It ends the transaction, whoever catches it."""
        self._abort()
        return sqlalchemy.exc.DBAPIError(None, None, error)

    def violates(
        self,
        constraint: str,
        kind: type[asyncpg.IntegrityConstraintViolationError] = asyncpg.UniqueViolationError,
    ) -> sqlalchemy.exc.IntegrityError:
        """The error of a statement that would break a constraint. See `refuse`."""
        self._abort()
        error = kind(f'it would break the constraint "{constraint}"')
        error.constraint_name = constraint
        return sqlalchemy.exc.IntegrityError(None, None, error)

    def _abort(self) -> None:
        self.end()
        self.statement = _refused

    def end(self) -> None:
        """Gives up what it owns; without a commit nothing has happened."""
        if self._over:
            return
        self._over = True
        for place in self._owned:
            del self._owners[place]
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


async def _refused() -> NoReturn:
    aborted = asyncpg.InFailedSQLTransactionError("current transaction is aborted")
    raise sqlalchemy.exc.DBAPIError(None, None, aborted)
