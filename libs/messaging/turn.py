"""How long a batch may keep its partitions, and what it leaves behind when its time is over.

A consumer that does not poll for `POLL_INTERVAL_S` is taken for dead: it leaves its group, and
whoever is next reads the same batch again, without end. So a batch is handed back long before
that: what it settled counts, the rest is soon polled again.
"""

import time
from collections.abc import Sequence

from libs.messaging.bus import Incoming, PartlyConsumed
from libs.messaging.letters import Place
from libs.messaging.retries import Retries

BATCH_S = 60.0
"""When a batch is handed back that is not settled: at the end of the try that is under way then."""
POLL_INTERVAL_S = 300.0
"""The rest of it is for that one try: some statements, each with a timeout of its own."""


class Turn:
    """The time of one batch, and what of it has met its fate."""

    def __init__(self, batch: Sequence[Incoming]) -> None:
        self._batch = batch
        self._settled: set[Place] = set()
        self._ends_at = time.monotonic() + BATCH_S

    def settled(self, messages: Sequence[Incoming]) -> None:
        """Notes that messages have met their fate."""
        self._settled.update(map(_place, messages))

    def over(self) -> bool:
        """Whether the batch is to be handed back."""
        return time.monotonic() >= self._ends_at

    def check(self) -> None:
        """Hands the batch back once its time is over.

        Raises:
            PartlyConsumed: it is over, and some messages are not settled.
        """
        rest = [message for message in self._batch if _place(message) not in self._settled]
        if rest and self.over():
            raise PartlyConsumed(rest)


class Suspects:
    """Messages that kept a batch from being settled, the last one of each partition.

    Its tries go on where they were when the batch comes back, and it is tried alone. Held in
    memory: a new owner of the partition begins to count anew.
    """

    def __init__(self) -> None:
        self._of: dict[tuple[str, int], tuple[str, Retries]] = {}

    def add(self, message: Incoming, message_id: str, retries: Retries) -> None:
        self._of[message.topic, message.partition] = message_id, retries

    def retries(self, message: Incoming, message_id: str) -> Retries | None:
        """The tries of a message that is one of them."""
        suspect, retries = self._of.get((message.topic, message.partition), ("", None))
        return retries if suspect == message_id else None

    def settled(self, message: Incoming, message_id: str) -> None:
        """Notes that a message has met its fate, if it is one of them."""
        if self.retries(message, message_id):
            del self._of[message.topic, message.partition]


def _place(message: Incoming) -> Place:
    return Place(message.topic, message.partition, message.offset)
