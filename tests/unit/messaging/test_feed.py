"""What a feed counts as consumed, and what it puts back."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from libs.messaging import feed as feed_module
from libs.messaging import kafka as kafka_module
from libs.messaging.bus import Incoming, PartlyConsumed
from libs.messaging.feed import Feed
from libs.messaging.kafka import kept_going
from libs.messaging.offsets import Offsets

ONE, TWO = TopicPartition("tasks", 0), TopicPartition("tasks", 1)


def record(offset: int, partition: TopicPartition = ONE) -> Any:
    return SimpleNamespace(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        key=b"k",
        headers=(),
        value=b"",
    )


class Consumer:
    """Answers `more`, and keeps what is sought and committed."""

    def __init__(self) -> None:
        self.more: Callable[[], dict[TopicPartition, list[Any]]] = dict
        self.sought: dict[TopicPartition, int] = {}
        self.committed: dict[TopicPartition, int] = {}
        self._coordinator = SimpleNamespace(generation=0)

    async def getmany(self, **_: object) -> dict[TopicPartition, list[Any]]:
        return self.more()

    def assignment(self) -> set[TopicPartition]:
        return {ONE, TWO}

    def highwater(self, partition: TopicPartition) -> int:
        raise AssertionError("Partition is not assigned")

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought[partition] = offset

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed.update(offsets)


class Stand:
    """A feed without a broker: `fails` is what its handler raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed_module, "NOT_CONSUMED_PAUSE_S", 0)
        monkeypatch.setattr(feed_module, "FAILED_PAUSE_S", 0)
        self.consumer = Consumer()
        self.offsets = Offsets("test_feed")
        self.meanwhile: Callable[[Sequence[Incoming]], Any] = lambda batch: None
        self.handle: Any = None

        class Subscriber:
            consumer = self.consumer

            def __call__(subscriber, handle: Any) -> None:  # noqa: N805
                self.handle = handle

        self.feed = Feed(Subscriber(), "test_feed", self._on_batch, 500, self.offsets)

    async def _on_batch(self, batch: Sequence[Incoming]) -> None:
        if asyncio.iscoroutine(work := self.meanwhile(batch)):
            await work

    async def take(self, first: Any) -> None:
        await self.handle(first)
        await self.offsets.commit()


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    return Stand(monkeypatch)


async def test_of_a_batch_that_is_handed_back_the_settled_part_counts(stand: Stand) -> None:
    stand.consumer.more = lambda: {ONE: [record(4), record(5)], TWO: [record(8, TWO)]}

    def hands_back(batch: Sequence[Incoming]) -> None:
        raise PartlyConsumed([m for m in batch if m.offset == 4])  # 5 was settled, but lies behind

    stand.meanwhile = hands_back
    await stand.take(record(3))
    assert stand.consumer.committed == {ONE: 4, TWO: 9}
    assert stand.consumer.sought == {ONE: 4}


async def test_a_record_is_put_back_if_no_more_can_be_got(stand: Stand) -> None:
    def fails() -> dict[TopicPartition, list[Any]]:
        raise KafkaError("a partition was taken away")

    stand.consumer.more = fails
    with pytest.raises(KafkaError):
        await stand.handle(record(3))
    assert stand.consumer.sought == {ONE: 3}
    assert stand.consumer.committed == {}


async def test_nothing_is_put_back_under_another_assignment(stand: Stand) -> None:
    async def loses_its_partitions(batch: Sequence[Incoming]) -> None:
        await stand.offsets.on_partitions_assigned({ONE})
        raise PartlyConsumed(batch)

    stand.meanwhile = loses_its_partitions
    await stand.take(record(3))
    assert stand.consumer.sought == {}
    assert stand.consumer.committed == {}


async def test_a_look_that_fails_or_hangs_does_no_harm(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.feed.look()
    monkeypatch.setattr(feed_module, "LOOK_TIMEOUT_S", 0.01)

    async def hangs(consumer: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(stand.feed.progress, "look", hangs)
    await asyncio.wait_for(stand.feed.look(), 2)


async def test_a_loop_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_module, "LOOP_PAUSE_S", 0)
    again = asyncio.Event()
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise AssertionError("a partition is not assigned")
        again.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(kept_going(loop))
    await asyncio.wait_for(again.wait(), 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
