"""Which offsets are committed, and what becomes of those that cannot be."""

import asyncio
import contextlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from prometheus_client import REGISTRY

from libs.messaging import offsets as offsets_module
from libs.messaging.offsets import Offsets

TASKS = TopicPartition("tasks", 0)


@dataclass
class Record:
    offset: int
    topic: str = TASKS.topic
    partition: int = TASKS.partition


class Consumer:
    """Keeps what is committed; `fails` is raised instead, `holds` delays it."""

    def __init__(self) -> None:
        self.committed: list[dict[TopicPartition, int]] = []
        self.fails: KafkaError | None = None
        self.holds: asyncio.Event | None = None
        self._coordinator = SimpleNamespace(generation=0)

    def assignment(self) -> set[TopicPartition]:
        return {TASKS}

    def leaves_the_group(self) -> None:
        self._coordinator.generation = -1

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.holds:
            await self.holds.wait()
        if self.fails:
            raise self.fails
        self.committed.append(offsets)


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def offsets(request: pytest.FixtureRequest) -> Offsets:
    return Offsets(request.node.name)


def handled(offsets: Offsets, consumer: Any, *at: int) -> None:
    offsets.handled(consumer, [Record(offset) for offset in at], offsets.assignment)


def failures(name: str) -> float | None:
    labels = {"consumer": name}
    return REGISTRY.get_sample_value("dossier_offset_commit_failures_total", labels)


async def test_what_was_handled_is_committed_once(offsets: Offsets, consumer: Consumer) -> None:
    handled(offsets, consumer, 3, 4)
    await offsets.commit()
    await offsets.commit()
    assert consumer.committed == [{TASKS: 5}]


@pytest.mark.parametrize("error", [CommitFailedError("rebalanced"), KafkaError("away")])
async def test_a_commit_that_failed_is_counted_and_tried_again(
    offsets: Offsets, consumer: Consumer, error: KafkaError, request: pytest.FixtureRequest
) -> None:
    assert failures(request.node.name) == 0
    handled(offsets, consumer, 3)
    consumer.fails = error
    await offsets.commit()
    assert failures(request.node.name) == 1
    consumer.fails = None
    await offsets.commit()
    assert consumer.committed == [{TASKS: 4}]


async def test_a_commit_that_hangs_ends_and_is_counted(
    offsets: Offsets,
    consumer: Consumer,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr(offsets_module, "COMMIT_TIMEOUT_S", 0.05)
    handled(offsets, consumer, 3)
    consumer.holds = asyncio.Event()
    await offsets.commit()
    assert failures(request.node.name) == 1


async def test_a_commit_that_a_stop_cut_off_is_made_up_for(
    offsets: Offsets, consumer: Consumer
) -> None:
    handled(offsets, consumer, 3)
    consumer.holds = asyncio.Event()
    commit = asyncio.create_task(offsets.commit())
    await asyncio.sleep(0)
    commit.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await commit
    consumer.holds = None
    await offsets.commit()
    assert consumer.committed == [{TASKS: 4}]


async def test_what_is_handled_during_a_commit_comes_with_the_next(
    offsets: Offsets, consumer: Consumer
) -> None:
    handled(offsets, consumer, 3)
    consumer.holds = asyncio.Event()
    commit = asyncio.create_task(offsets.commit())
    await asyncio.sleep(0)
    handled(offsets, consumer, 4)
    consumer.holds.set()
    await commit
    await offsets.commit()
    assert consumer.committed == [{TASKS: 4}, {TASKS: 5}]


async def test_offsets_of_one_assignment_are_not_committed_under_the_next(
    offsets: Offsets, consumer: Consumer
) -> None:
    before = offsets.assignment
    handled(offsets, consumer, 30)
    await offsets.on_partitions_assigned({TASKS})
    offsets.handled(consumer, [Record(31)], before)  # a batch that took long
    await offsets.commit()
    assert consumer.committed == []
    handled(offsets, consumer, 0)
    await offsets.commit()
    assert consumer.committed == [{TASKS: 1}]


async def test_a_consumer_that_is_no_member_commits_nothing_and_that_is_counted(
    offsets: Offsets, consumer: Consumer, request: pytest.FixtureRequest
) -> None:
    consumer.leaves_the_group()
    await offsets.commit()
    assert failures(request.node.name) == 0  # there is nothing to commit
    handled(offsets, consumer, 30)
    await offsets.on_partitions_revoked({TASKS})
    assert consumer.committed == []
    assert failures(request.node.name) == 1
