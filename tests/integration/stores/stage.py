"""A service's database as tests use it: the same for a store in memory and one on Postgres."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import cycle
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.messaging.unit import Database, PostgresDatabase, Transaction
from tests.simulation.database import Memory, MemoryDatabase, Quiet, Session

S = TypeVar("S")
T = TypeVar("T")

Work = Callable[[Transaction[S]], Awaitable[T]]
"""What one transaction does."""

PROCESSES = 2
"""How many processes of the service a stage stands for: each has its own connections."""
MANY = 20
"""How many transactions want the same at once."""
BOUND_S = 30.0
"""No test waits longer for anything."""
POLL_S = 0.005

COUNT_WAITING = sa.text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")


class _Undone(Exception):
    """Rolls a transaction back."""


class Stage(Generic[S]):
    """Transactions on one database. `waiting` counts those that wait for another one."""

    def __init__(
        self, databases: Sequence[Database[S]], waiting: Callable[[], Awaitable[int]]
    ) -> None:
        self._databases = cycle(databases)
        self._waiting = waiting
        self._tasks: list[asyncio.Task[Any]] = []

    def begin(self) -> AbstractAsyncContextManager[Transaction[S]]:
        return next(self._databases).begin()

    @asynccontextmanager
    async def ending(self, commits: bool) -> AsyncIterator[Transaction[S]]:
        """A transaction that ends with a commit or is rolled back."""
        with contextlib.suppress(_Undone):
            async with self.begin() as tx:
                yield tx
                if not commits:
                    raise _Undone

    async def run(self, work: Work[S, T]) -> T:
        """Does something in a transaction of its own, and commits."""
        async with asyncio.timeout(BOUND_S), self.begin() as tx:
            return await work(tx)

    async def at_once(self, works: Sequence[Work[S, T]]) -> list[T]:
        """Runs many transactions at the same time, and answers what each did."""
        return list(await asyncio.gather(*(self.run(work) for work in works)))

    async def blocked(self, work: Work[S, T]) -> asyncio.Task[T]:
        """Starts a transaction, and answers once it waits for another one."""
        before = await self._waiting()
        task = asyncio.create_task(self.run(work))
        self._tasks.append(task)
        async with asyncio.timeout(BOUND_S):
            while await self._waiting() <= before:
                if task.done():
                    raise AssertionError(f"It did not wait: {task.result()!r}")
                await asyncio.sleep(POLL_S)
        return task

    async def close(self) -> None:
        """Ends what a test that failed has left waiting."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Surroundings(Quiet):
    """Knows the open transactions of all processes."""

    def __init__(self) -> None:
        self.open: set[Session] = set()

    def opened(self, session: Session) -> None:
        self.open.add(session)

    def closed(self, session: Session) -> None:
        self.open.discard(session)

    async def waiting(self) -> int:
        return sum(session.waits for session in self.open)


@asynccontextmanager
async def in_memory(store: Callable[[Session], S]) -> AsyncIterator[Stage[S]]:
    memory, surroundings = Memory(), _Surroundings()
    databases = [MemoryDatabase(memory, store, surroundings) for _ in range(PROCESSES)]
    stage = Stage(databases, surroundings.waiting)
    yield stage
    await stage.close()
    assert memory.owners == {}, "locks outlived their transactions"


@asynccontextmanager
async def on_postgres(
    engines: Sequence[AsyncEngine], tables: sa.MetaData, store: Callable[[AsyncConnection], S]
) -> AsyncIterator[Stage[S]]:
    async def waiting() -> int:
        async with engines[0].connect() as connection:
            found: int = await connection.scalar(COUNT_WAITING) or 0
            return found

    # For a few rows this is much quicker than TRUNCATE.
    async with engines[0].begin() as connection:
        for table in reversed(tables.sorted_tables):
            await connection.execute(sa.delete(table))
    stage = Stage([PostgresDatabase(engine, store) for engine in engines], waiting)
    yield stage
    await stage.close()
