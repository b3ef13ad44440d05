"""A database in memory, as its users see Postgres at READ COMMITTED.

Transactions see what is committed when a statement begins, and their own writes. A row
that is written, inserted or locked belongs to its transaction until that ends; others who
want it wait. The stores on top of it pass the same suite as the Postgres stores.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from libs.messaging.unit import Transaction
from tests.simulation.messaging_tables import MemoryInbox, MemoryOutbox
from tests.simulation.ownership import Owner, Place

S = TypeVar("S")

Change = tuple[str, Any, Any, Any]
"""Table, key, the row before, the row after; None where there is none."""


class Surroundings(Protocol):
    """Whose transactions these are, and what may go wrong with them."""

    async def statement(self) -> None:
        """Before each statement. May suspend, never return, or raise."""

    async def committing(self) -> None:
        """Before the commit."""

    async def committed(self) -> None:
        """After the commit, before its client learns of it."""

    def opened(self, session: "Session") -> None: ...
    def closed(self, session: "Session") -> None: ...


class Memory:
    """The committed rows of one service's database, by table and key."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, Any]] = {}
        self.owners: dict[Place, Owner] = {}
        self.removed: list[Place] = []
        """Every row that a commit has removed, in that order; some keys came again."""
        self.on_commit: Callable[[list[Change]], None] = lambda _changes: None

    def table(self, name: str) -> dict[Any, Any]:
        return self.tables.setdefault(name, {})


class Session(Owner):
    """One transaction."""

    def __init__(self, memory: Memory, surroundings: Surroundings) -> None:
        super().__init__(memory.owners, surroundings.statement)
        self._memory = memory
        self._writes: dict[Place, Any] = {}
        self._removed: list[Place] = []

    def get(self, table: str, key: Any) -> Any:
        """A row, or None."""
        at = (table, key)
        if at in self._writes:
            return self._writes[at]
        return self._memory.table(table).get(key)

    def rows(self, table: str) -> list[Any]:
        """All rows of a table, in the order in which they were first written."""
        return list(self._merged(table).values())

    def items(self, table: str) -> list[tuple[Any, Any]]:
        """All keys and rows of a table."""
        return list(self._merged(table).items())

    def _merged(self, table: str) -> dict[Any, Any]:
        merged = dict(self._memory.table(table))
        for (of, key), row in self._writes.items():
            if of == table:
                if row is None:
                    merged.pop(key, None)
                else:
                    merged[key] = row
        return merged

    async def lock(
        self, table: str, keys: Iterable[Any], where: Callable[[Any], bool] | None = None
    ) -> list[Any]:
        """Locks rows in the order of their keys, and answers them.

        A row counts if it is there and fits when the statement begins, and fits once it can
        be had. One that was removed meanwhile is not found, even if its key came again.
        """
        mark = len(self._memory.removed)
        seen = [(key, self.get(table, key)) for key in sorted(keys)]
        found = []
        waited = False
        for key, row in seen:
            if row is None or (where and not where(row)):
                continue
            waited = await self.own(table, key) or waited
            if waited:
                if (table, key) in self._memory.removed[mark:]:
                    # What is there now, if anything, is another row.
                    self._disown(table, key)
                    continue
                row = self.get(table, key)
                if where and not where(row):
                    continue
            found.append(row)
        return found

    async def insert(self, *rows: tuple[str, Any, Any]) -> bool:
        """Adds a row, and its places in unique indexes; False if one of them is taken.

        Waits for a transaction that has written there. A row that is merely locked is
        there, and the one who finds it does not own it.
        """
        waited = True
        while waited:
            waited = False
            for table, key, _ in rows:
                while (writer := self._writer(table, key)) is not None:
                    await self._wait(writer)
                    waited = True
                if self.get(table, key) is not None:
                    return False
        for table, key, row in rows:
            await self.put(table, key, row)
        return True

    def _writer(self, table: str, key: Any) -> Owner | None:
        """The other transaction that has written at a place."""
        owner = self._memory.owners.get((table, key))
        if owner is None or owner is self:
            return None
        assert isinstance(owner, Session)
        return owner if (table, key) in owner._writes else None

    async def put(self, table: str, key: Any, row: Any) -> None:
        """Writes a row; None removes it."""
        await self.own(table, key)
        self._writes[table, key] = row
        if row is None:
            self._removed.append((table, key))

    def commit(self) -> None:
        """Makes its writes everybody's, unless it has ended before."""
        if self._over:
            return
        changes: list[Change] = []
        for (table, key), row in self._writes.items():
            rows = self._memory.table(table)
            changes.append((table, key, rows.get(key), row))
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        self._memory.removed += self._removed
        self.end()
        if changes:
            self._memory.on_commit(changes)

    def abandon(self) -> None:
        self.end()


class MemoryDatabase(Generic[S]):
    """Opens transactions on a memory, with a service's store over it."""

    def __init__(
        self, memory: Memory, store: Callable[[Session], S], surroundings: Surroundings
    ) -> None:
        self._memory = memory
        self._store = store
        self._surroundings = surroundings

    def begin(self) -> "_Begun[S]":
        return _Begun(self._memory, self._store, self._surroundings)


class _Begun(Generic[S]):
    """A transaction as a context: it commits at the end of the block."""

    __slots__ = ("_around", "_session", "_store")

    def __init__(
        self, memory: Memory, store: Callable[[Session], S], surroundings: Surroundings
    ) -> None:
        self._session = Session(memory, surroundings)
        self._store = store
        self._around = surroundings

    async def __aenter__(self) -> Transaction[S]:
        session = self._session
        self._around.opened(session)
        try:
            await self._around.statement()
        except BaseException:
            self._close()
            raise
        return Transaction(self._store(session), MemoryInbox(session), MemoryOutbox(session))

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                await self._around.committing()
                self._session.commit()
                await self._around.committed()
        finally:
            self._close()

    def _close(self) -> None:
        self._session.end()
        self._around.closed(self._session)


class Quiet:
    """Surroundings in which nothing goes wrong."""

    async def statement(self) -> None:
        """Others may run."""
        await asyncio.sleep(0)

    async def committing(self) -> None:
        await asyncio.sleep(0)

    async def committed(self) -> None: ...

    def opened(self, session: Session) -> None: ...
    def closed(self, session: Session) -> None: ...
