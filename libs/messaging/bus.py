"""The bus as a port: what is published, what arrives, and how a publish can end."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Protocol

from libs.contracts.envelope import Message, Meta, ReplyAddress
from libs.contracts.gateway import Reply
from libs.contracts.topics import TOPIC_OF


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to be published. Not `durable`: it has no outbox row."""

    id: str
    type: str
    topic: str
    key: str
    headers: dict[str, str]
    value: bytes
    created_at: datetime
    partition: int | None = None
    durable: bool = True


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it arrived. `headers` carry the envelope, `value` the JSON body."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes
    partition: int = 0
    offset: int = 0


class Ack(Enum):
    """How a publish ended."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """Certainly not written."""
    TOO_LARGE = "too large"
    """Certainly not written, nor would it be the next time."""
    UNKNOWN = "unknown"
    """Not acknowledged in time: perhaps written, perhaps later."""


class Bus(Protocol):
    """Publishes messages; the order of messages with one key is kept."""

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]: ...


class NotConsumed(Exception):
    """Raised by a batch handler: the batch is not to count as consumed, and nothing is wrong."""


class PartlyConsumed(NotConsumed):
    """Of a batch, only the messages before the first of `rest` in their partition count."""

    def __init__(self, rest: Sequence[Incoming]) -> None:
        super().__init__(f"{len(rest)} messages are not settled")
        self.rest = rest


OnBatch = Callable[[Sequence[Incoming]], Awaitable[None]]
"""Handles a batch; the batch counts as consumed when it returns."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Makes outgoing messages of one source. Time and ids are passed in."""

    source: str
    ids: Callable[[], str]

    def wrap(
        self,
        message: Message,
        *,
        now: datetime,
        trace: str,
        reply_to: ReplyAddress | None = None,
    ) -> Outgoing:
        """A message for its own topic."""
        message_id = self.ids()
        meta = Meta(
            id=message_id,
            type=message.type_name(),
            source=self.source,
            time=now,
            subject=message.key,
            traceparent=trace,
            reply_to=reply_to,
        )
        return Outgoing(
            id=message_id,
            type=meta.type,
            topic=TOPIC_OF[meta.type].name,
            key=message.key,
            headers=meta.headers(),
            value=message.model_dump_json(by_alias=True).encode(),
            created_at=now,
        )

    def wrap_reply(self, reply: Reply, *, to: ReplyAddress, now: datetime, trace: str) -> Outgoing:
        """A reply for the partition that waits for it. Has no outbox row: see `Unit.reply`."""
        message = self.wrap(reply, now=now, trace=trace, reply_to=to)
        return replace(message, partition=to.partition, durable=False)
