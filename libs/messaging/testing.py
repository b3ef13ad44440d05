"""A bus under a test's control: it holds what was published until it is told to deliver."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from libs.messaging.bus import Ack, Incoming, OnBatch, Outgoing


class Crash(BaseException):
    """The process dies here. Not an `Exception`: nothing may catch it and carry on."""


@dataclass
class Subscription:
    """A consumer group: its topics, its handler, and what it has not consumed yet."""

    name: str
    topics: frozenset[str]
    on_batch: OnBatch
    waiting: deque[Incoming] = field(default_factory=deque)


class ControlledBus:
    """Delivers in order and once, unless told to lose, repeat or shuffle between keys.

    `refuse` names topics whose messages are refused; `mute` those whose messages are
    written although their acknowledgement never comes.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)  # noqa: S311 (a test's schedule, not a secret)
        self.subscriptions: list[Subscription] = []
        self.refuse: set[str] = set()
        self.mute: set[str] = set()
        self.lose: Callable[[Outgoing], bool] = lambda _message: False
        self.duplicates = 0.0
        self.shuffles = False
        self.published: list[Outgoing] = []

    def subscribe(self, name: str, topics: Sequence[str], on_batch: OnBatch) -> None:
        self.subscriptions.append(Subscription(name, frozenset(topics), on_batch))

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]:
        return [self._publish(message) for message in messages]

    def _publish(self, message: Outgoing) -> Ack:
        if message.topic in self.refuse:
            return Ack.REFUSED
        self.published.append(message)
        if not self.lose(message):
            self._enqueue(message)
        return Ack.UNKNOWN if message.topic in self.mute else Ack.ACKNOWLEDGED

    def _enqueue(self, message: Outgoing) -> None:
        incoming = Incoming(
            message.topic, message.key, message.headers, message.value, message.partition or 0
        )
        for subscription in self.subscriptions:
            if message.topic in subscription.topics:
                copies = 2 if self.random.random() < self.duplicates else 1
                subscription.waiting.extend([incoming] * copies)

    async def deliver(self, most: int = 100) -> int:
        """Hands each consumer what waits for it; a batch whose handler fails waits on."""
        delivered = 0
        for subscription in self.subscriptions:
            batch = list(subscription.waiting)
            if self.shuffles:
                batch = self._shuffled(batch)
            batch = batch[:most]
            if batch:
                await subscription.on_batch(batch)
                for incoming in batch:
                    subscription.waiting.remove(incoming)
                delivered += len(batch)
        return delivered

    def _shuffled(self, batch: list[Incoming]) -> list[Incoming]:
        """Another order that Kafka allows: messages of one key keep theirs."""
        by_key: dict[tuple[str, str], deque[Incoming]] = {}
        for incoming in batch:
            by_key.setdefault((incoming.topic, incoming.key), deque()).append(incoming)
        turns = [(incoming.topic, incoming.key) for incoming in batch]
        self.random.shuffle(turns)
        return [by_key[turn].popleft() for turn in turns]

    def forget_everything(self) -> None:
        """The broker comes back empty."""
        for subscription in self.subscriptions:
            subscription.waiting.clear()
