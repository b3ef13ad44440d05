"""How far one consumer is: what waits for it, and for how long it has handled none of it."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Partition = tuple[str, int]
"""A topic and the number of a partition, as `aiokafka.TopicPartition` has them."""


class Progress:
    """The progress of the consumer `name`.

    The lag is measured against the end of a partition as the consumer's last fetch told
    it, not by asking for its end offset: the embedded broker answers that one wrongly.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lag: Mapping[str, int] = {}
        """Messages that wait, by topic, those of the batch under way included."""
        self._next: dict[Partition, int] = {}
        self._waiting_since: float | None = None

    def begun(self, records: Sequence[Any]) -> None:
        """Notes that a batch is being handled."""
        for record in records:
            self._next.setdefault((record.topic, record.partition), record.offset)

    def handled(self, records: Sequence[Any]) -> None:
        """Notes that a batch was handled."""
        for record in records:
            self._next[record.topic, record.partition] = record.offset + 1
        self._waiting_since = None

    async def look(self, consumer: Any) -> None:
        """Measures what waits for an `AIOKafkaConsumer`, on the partitions that it has now."""
        lag: Counter[str] = Counter()
        assigned = consumer.assignment()
        self._next = {
            partition: at for partition, at in self._next.items() if partition in assigned
        }
        for partition in assigned:
            end = consumer.highwater(partition)
            if end is None:  # nothing was fetched yet
                lag[partition.topic] += 0
                continue
            # What was handled counts; the consumer's own position is past the batch under way.
            handled = self._next.get(partition)
            at = await consumer.position(partition) if handled is None else handled
            lag[partition.topic] += max(0, end - at)
        self.lag = lag
        if not lag.total():
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = time.monotonic()

    def stalled_s(self) -> float:
        """For how many seconds messages have waited and none was handled."""
        return 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since
