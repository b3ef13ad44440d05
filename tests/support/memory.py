"""The ports of messaging in memory: units with inbox and outbox, and a bus that does as told."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from libs.contracts.envelope import Message, ReplyAddress
from libs.messaging.bus import Ack, Envelope, Incoming, Outgoing
from libs.messaging.unit import Transaction, Units

S = TypeVar("S")

START = datetime(2026, 4, 22, 10, 15, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Time:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **amount: float) -> None:
        self.now += timedelta(**amount)


class Counter:
    """Ids that count: `prefix1`, `prefix2`, …"""

    def __init__(self, prefix: str = "id") -> None:
        self._prefix = prefix
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"


class MemoryInbox:
    """See `libs.messaging.inbox.Inbox`."""

    def __init__(self, rows: dict[str, datetime]) -> None:
        self.rows = rows

    async def admit(self, ids: Sequence[str], now: datetime) -> set[str]:
        fresh = set(ids) - self.rows.keys()
        self.rows.update(dict.fromkeys(fresh, now))
        return fresh

    async def forget(self, before: datetime) -> None:
        for id_ in [id_ for id_, at in self.rows.items() if at < before]:
            del self.rows[id_]


class MemoryOutbox:
    """See `libs.messaging.outbox.Outbox`."""

    def __init__(self, rows: dict[str, Outgoing]) -> None:
        self.rows = rows

    async def add(self, messages: Sequence[Outgoing]) -> None:
        self.rows.update({message.id: message for message in messages})

    async def remove(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            self.rows.pop(id_, None)

    async def withdraw(self, message_type: str, keys: Sequence[str]) -> None:
        for row in list(self.rows.values()):
            if row.type == message_type and row.key in keys:
                del self.rows[row.id]

    async def stale(self, before: datetime, most: int) -> list[Outgoing]:
        old = [row for row in self.rows.values() if row.created_at < before]
        return sorted(old, key=lambda row: row.created_at)[:most]


class MemoryUnits(Units[S]):
    """Units over dictionaries; inbox and outbox roll back when the block raises."""

    def __init__(self, store: S, clock: Callable[[], datetime] | None = None) -> None:
        self.clock = clock or Time()
        super().__init__(
            self._Database(self), Envelope(source="/test", ids=Counter("m")), self.clock
        )
        self.store = store
        self.inbox: dict[str, datetime] = {}
        self.outbox: dict[str, Outgoing] = {}
        self.opened = 0

    class _Database:
        def __init__(self, units: "MemoryUnits[Any]") -> None:
            self._units = units

        @asynccontextmanager
        async def begin(self) -> AsyncIterator[Transaction[Any]]:
            units = self._units
            units.opened += 1
            inbox, outbox = MemoryInbox(dict(units.inbox)), MemoryOutbox(dict(units.outbox))
            yield Transaction(units.store, inbox, outbox)
            units.inbox, units.outbox = inbox.rows, outbox.rows


class MemoryBus:
    """Remembers what was published. `answer` decides how a publish ends, or raises."""

    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.answer: Callable[[Outgoing], Ack] = lambda message: Ack.ACKNOWLEDGED

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]:
        acks = [self.answer(message) for message in messages]
        self.published += [
            message for message, ack in zip(messages, acks, strict=True) if ack is not Ack.REFUSED
        ]
        return acks

    @property
    def types(self) -> list[str]:
        return [message.type for message in self.published]


next_arrival = Counter("in")


def arriving(
    message: Message,
    *,
    id_: str | None = None,
    reply_to: ReplyAddress | None = None,
    offset: int = 0,
) -> Incoming:
    """A message as it comes from the bus."""
    envelope = Envelope(source="/elsewhere", ids=lambda: id_ or next_arrival())
    sent = envelope.wrap(message, now=START, trace=TRACE, reply_to=reply_to)
    return Incoming(sent.topic, sent.key, sent.headers, sent.value, offset=offset)
