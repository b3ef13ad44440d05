"""A service that is told to stop finishes what it has in hand, and leaves nothing behind."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.broker import Broker
from deploy.local.postgres import Postgres
from libs.contracts.topics import CREDITS_COMMANDS, CREDITS_EVENTS
from libs.messaging.settings import KafkaSettings
from services.credits.app import GROUP
from tests.integration.runtime.conftest import kafka_of
from tests.integration.runtime.credits_process import CreditsProcess, credits_process

DONE = -signal.SIGTERM
"""uvicorn ends by the signal that it was given, once everything is done."""
STOP_S = 5.0
WITHOUT_BROKER_S = 20.0


@pytest_asyncio.fixture
async def own_process(
    own_broker: Broker, postgres: Postgres, tmp_path: Path
) -> AsyncIterator[CreditsProcess]:
    """A credits process that a test ends."""
    url = postgres.ensure_database(f"stops_{secrets.token_hex(6)}", "secret")
    async with credits_process(url, kafka_of(own_broker), tmp_path) as process:
        yield process


async def ended(process: CreditsProcess, within_s: float) -> int:
    """The exit code of a process that was told to stop."""
    assert process.program.process is not None
    return await asyncio.to_thread(process.program.process.wait, within_s)


def told_to_stop(process: CreditsProcess) -> None:
    assert process.program.process is not None
    process.program.process.send_signal(signal.SIGTERM)


async def test_an_idle_service_is_gone_at_once(own_process: CreditsProcess) -> None:
    began = time.monotonic()
    told_to_stop(own_process)
    assert await ended(own_process, STOP_S) == DONE
    assert time.monotonic() - began < STOP_S
    assert '"level": "error"' not in own_process.program.log.read_text()


async def test_a_batch_under_way_is_handled_published_and_committed(
    own_process: CreditsProcess,
) -> None:
    account = await own_process.account(3)
    async with own_process.locked(account):
        run_id = await own_process.ask_for_hold(account)
        await own_process.reaches("dossier_consumer_lag", 1)
        told_to_stop(own_process)
        await asyncio.sleep(1)
        assert await own_process.rows("SELECT 1 FROM holds WHERE run_id = $1", run_id) == []
    assert await ended(own_process, STOP_S) == DONE
    [hold] = await own_process.rows("SELECT state FROM holds WHERE run_id = $1", run_id)
    assert hold["state"] == "held"
    assert await own_process.rows("SELECT id FROM outbox") == []
    events = await all_values(own_process.kafka, CREDITS_EVENTS.name)
    assert sum(run_id.encode() in event for event in events) == 1
    handled = await committed(own_process.kafka, CREDITS_COMMANDS.name)
    assert handled == len(await all_values(own_process.kafka, CREDITS_COMMANDS.name)) == 1


async def test_a_request_under_way_is_answered(own_process: CreditsProcess) -> None:
    account = await own_process.account(3)
    async with own_process.locked(account):
        grant = {"grant_id": "g", "account_id": account, "amount": 4, "reason": "for a test"}
        answering = asyncio.create_task(own_process.http.post("/internal/grants", json=grant))
        await asyncio.sleep(0.5)
        told_to_stop(own_process)
        await asyncio.sleep(0.5)
        assert not answering.done()
    answer = await answering
    assert (answer.status_code, answer.json()) == (200, {"balance": 7, "held": 0})
    assert await ended(own_process, STOP_S) == DONE
    assert await own_process.rows("SELECT id FROM outbox") == []


@pytest.mark.parametrize("fault", ["killed", "hung"])
async def test_a_broker_that_is_away_does_not_keep_a_service_from_stopping(
    own_process: CreditsProcess, own_broker: Broker, fault: str
) -> None:
    account = await own_process.account(3)
    async with own_process.locked(account):
        run_id = await own_process.ask_for_hold(account)
        await own_process.reaches("dossier_consumer_lag", 1)
        assert own_broker.process is not None
        own_broker.process.send_signal(signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
    try:
        began = time.monotonic()
        told_to_stop(own_process)
        assert await ended(own_process, WITHOUT_BROKER_S) == DONE
        print(f"\nstopped in {time.monotonic() - began:.1f} s with a broker that is {fault}")
    finally:
        own_broker.process.send_signal(signal.SIGCONT)
    # What could not be published is still there for the next process.
    [hold] = await own_process.rows("SELECT state FROM holds WHERE run_id = $1", run_id)
    assert hold["state"] == "held"
    unsent = await own_process.rows("SELECT type FROM outbox")
    assert [row["type"] for row in unsent] == ["CreditHeld"]


async def all_values(kafka: KafkaSettings, topic: str) -> list[bytes]:
    """The bodies of all messages in a topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=100
    )
    consumer.subscribe([topic])
    await consumer.start()
    values = []
    try:
        for _ in range(10):
            found = await consumer.getmany(timeout_ms=200)
            values += [record.value for records in found.values() for record in records]
    finally:
        await consumer.stop()
    return values


async def committed(kafka: KafkaSettings, topic: str) -> int:
    """How many messages of a topic the service's group has handled."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=GROUP, enable_auto_commit=False
    )
    partitions = [TopicPartition(topic, number) for number in range(kafka.partitions)]
    consumer.assign(partitions)
    await consumer.start()
    try:
        return sum([await consumer.committed(partition) or 0 for partition in partitions])
    finally:
        await consumer.stop()
