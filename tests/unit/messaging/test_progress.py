"""What waits for a consumer, and for how long nothing of it was handled."""

import time
from dataclasses import dataclass

import pytest
from aiokafka import TopicPartition

from libs.messaging.progress import Progress

TASKS = TopicPartition("tasks", 0)
MORE_TASKS = TopicPartition("tasks", 1)
WORK = TopicPartition("work", 0)


@dataclass
class Record:
    topic: str
    partition: int
    offset: int


class Consumer:
    """What `look` asks of aiokafka's: ends by the last fetch, and positions."""

    def __init__(self) -> None:
        self.ends: dict[TopicPartition, int | None] = {}
        self.positions: dict[TopicPartition, int] = {}

    def assignment(self) -> set[TopicPartition]:
        return set(self.ends)

    def highwater(self, partition: TopicPartition) -> int | None:
        return self.ends[partition]

    async def position(self, partition: TopicPartition) -> int:
        return self.positions[partition]


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands until the test moves it."""
    at = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: at[0])
    return at


def records(partition: TopicPartition, *offsets: int) -> list[Record]:
    return [Record(partition.topic, partition.partition, offset) for offset in offsets]


async def test_the_lag_is_summed_by_topic(consumer: Consumer) -> None:
    consumer.ends = {TASKS: 10, MORE_TASKS: 7, WORK: 3}
    consumer.positions = {TASKS: 4, MORE_TASKS: 7, WORK: 1}
    progress = Progress("worker")
    await progress.look(consumer)
    assert progress.lag == {"tasks": 6, "work": 2}


async def test_a_batch_counts_until_it_is_handled(consumer: Consumer) -> None:
    """Also the first batch, of which the consumer's position knows nothing any more."""
    consumer.ends = {TASKS: 10}
    consumer.positions = {TASKS: 10}
    progress = Progress("worker")
    progress.begun(records(TASKS, 6, 7, 8, 9))
    await progress.look(consumer)
    assert progress.lag == {"tasks": 4}
    progress.handled(records(TASKS, 6, 7, 8, 9))
    await progress.look(consumer)
    assert progress.lag == {"tasks": 0}


async def test_a_partition_that_was_not_fetched_yet_has_no_lag(consumer: Consumer) -> None:
    consumer.ends = {TASKS: None}
    progress = Progress("worker")
    await progress.look(consumer)
    assert progress.lag == {"tasks": 0}


async def test_a_log_that_is_new_and_shorter_has_no_lag(consumer: Consumer) -> None:
    consumer.ends = {TASKS: 10}
    progress = Progress("worker")
    progress.handled(records(TASKS, 9))
    consumer.ends = {TASKS: 2}
    await progress.look(consumer)
    assert progress.lag == {"tasks": 0}


async def test_a_partition_that_went_and_came_counts_from_its_new_position(
    consumer: Consumer,
) -> None:
    consumer.ends = {TASKS: 10}
    progress = Progress("worker")
    progress.handled(records(TASKS, 3))
    consumer.ends = {}
    await progress.look(consumer)
    assert progress.lag == {}
    consumer.ends, consumer.positions = {TASKS: 30}, {TASKS: 28}
    await progress.look(consumer)
    assert progress.lag == {"tasks": 2}


async def test_stalled_is_the_time_since_something_waits_and_nothing_is_handled(
    consumer: Consumer, now: list[float]
) -> None:
    consumer.ends, consumer.positions = {TASKS: 5}, {TASKS: 5}
    progress = Progress("worker")
    await progress.look(consumer)
    now[0] += 3600  # a quiet hour
    consumer.ends = {TASKS: 7}
    progress.begun(records(TASKS, 5))
    await progress.look(consumer)
    assert progress.stalled_s() == 0
    now[0] += 20
    await progress.look(consumer)
    assert progress.stalled_s() == 20
    progress.handled(records(TASKS, 5))  # one of two
    assert progress.stalled_s() == 0
    await progress.look(consumer)
    now[0] += 4
    assert progress.stalled_s() == 4
    progress.handled(records(TASKS, 6))
    await progress.look(consumer)
    now[0] += 50
    assert progress.stalled_s() == 0
