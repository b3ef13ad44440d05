"""The unit of work: one transaction of one service, and what it will publish."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.contracts.envelope import Message, ReplyAddress
from libs.contracts.gateway import Reply
from libs.messaging.bus import Envelope, Outgoing
from libs.messaging.clock import Clock
from libs.messaging.inbox import Inbox
from libs.messaging.outbox import Outbox

S_co = TypeVar("S_co", covariant=True)


class OutboxPort(Protocol):
    """See `Outbox`."""

    async def add(self, messages: Sequence[Outgoing]) -> None: ...
    async def remove(self, ids: Sequence[str]) -> None: ...
    async def withdraw(self, message_type: str, keys: Sequence[str]) -> None: ...
    async def stale(self, before: datetime, most: int) -> list[Outgoing]: ...


class InboxPort(Protocol):
    """See `Inbox`."""

    async def admit(self, ids: Sequence[str], now: datetime) -> set[str]: ...
    async def forget(self, before: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Transaction(Generic[S_co]):
    """An open transaction of a service's database: its store, inbox and outbox."""

    store: S_co
    inbox: InboxPort
    outbox: OutboxPort


class Unit(Generic[S_co]):
    """One transaction: the service's `store`, its inbox and outbox, and the time it runs at."""

    def __init__(self, transaction: Transaction[S_co], envelope: Envelope, now: datetime) -> None:
        self._store = transaction.store
        self.inbox = transaction.inbox
        self.outbox = transaction.outbox
        self.now = now
        self.outgoing: list[Outgoing] = []
        self._envelope = envelope

    @property
    def store(self) -> S_co:
        return self._store

    def emit(self, message: Message, *, trace: str) -> None:
        """Publishes a message after the commit, for certain: its outbox row is in the commit."""
        self.outgoing.append(self._envelope.wrap(message, now=self.now, trace=trace))

    def reply(self, reply: Reply, *, to: ReplyAddress | None, trace: str) -> None:
        """Answers a command after the commit, if somebody waits.

        Best effort, without an outbox row: a caller whose answer is lost asks the
        owner for the outcome, which the commit has recorded.
        """
        if to is not None:
            self.outgoing.append(self._envelope.wrap_reply(reply, to=to, now=self.now, trace=trace))


class Outlet:
    """What has been committed and waits for the relay; in memory, and safe to lose."""

    def __init__(self) -> None:
        self._waiting: deque[Outgoing] = deque()
        self.on_put: Callable[[], None] = lambda: None

    def put(self, messages: Sequence[Outgoing]) -> None:
        self._waiting.extend(messages)
        if messages:
            self.on_put()

    def take(self) -> list[Outgoing]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def __len__(self) -> int:
        return len(self._waiting)


class Database(Protocol[S_co]):
    """Opens transactions. Leaving the block commits; an error in it rolls everything back."""

    def begin(self) -> AbstractAsyncContextManager[Transaction[S_co]]: ...


class Units(Generic[S_co]):
    """Opens units of work. What a unit emits is published only after its commit."""

    def __init__(self, database: Database[S_co], envelope: Envelope, clock: Clock) -> None:
        self.outlet = Outlet()
        self._database = database
        self._envelope = envelope
        self._clock = clock

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit[S_co]]:
        """Leaving the block commits; an error in it rolls everything back."""
        async with self._database.begin() as transaction:
            unit = Unit(transaction, self._envelope, self._clock())
            yield unit
            durable = [message for message in unit.outgoing if message.durable]
            if durable:
                await unit.outbox.add(durable)
        self.outlet.put(unit.outgoing)


class PostgresDatabase(Generic[S_co]):
    """A service's Postgres database."""

    def __init__(self, engine: AsyncEngine, store: Callable[[AsyncConnection], S_co]) -> None:
        self._engine = engine
        self._store = store

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction[S_co]]:
        async with self._engine.begin() as connection:
            yield Transaction(self._store(connection), Inbox(connection), Outbox(connection))
