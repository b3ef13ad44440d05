"""The fates of messages while the database, a lock or the broker is in the way."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.broker import Broker
from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres
from libs.messaging import relay, retries
from libs.messaging.admin import ensure_topics
from libs.messaging.kafka import KafkaBus
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import JOIN_S, fresh_group, settings_of, until
from tests.integration.messaging.letters_kit import (
    Ledger,
    credits_on,
    eventually,
    hold,
    ledger_at,
    letters,
    returning,
)


@pytest_asyncio.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    """A server that a test may stop and start again."""
    one = Postgres(tmp_path / "postgres", free_ports(1)[0], durable=False)
    await asyncio.to_thread(one.start)
    yield one
    await asyncio.to_thread(one.stop)


NO_MEMBER = -1
"""The generation of a consumer that is in no group."""


def coordinator_of(bus: KafkaBus) -> Any:
    [subscriber] = bus._broker.subscribers
    return subscriber.consumer._coordinator  # type: ignore[attr-defined]


async def test_a_partition_goes_on_when_the_database_is_back(
    lone: KafkaSettings, own_postgres: Postgres
) -> None:
    """Although the consumer was thrown out of its group meanwhile."""
    url = await asyncio.to_thread(own_postgres.ensure_database, "credits", "secret")
    async with ledger_at(url) as ledger, credits_on(lone, ledger, fresh_group()) as bus:
        # A consumer that hands nothing over for so long leaves its group; by default 300 s.
        coordinator_of(bus)._max_poll_interval = 1.0
        await relay.publish(bus, [returning("before", "eve")])
        await eventually(lambda: ledger.state_of("before"))
        await asyncio.to_thread(own_postgres.stop)
        await relay.publish(bus, [returning(f"meanwhile {n}", "eve") for n in range(5)])
        await until(lambda: coordinator_of(bus).generation == NO_MEMBER)
        await asyncio.to_thread(own_postgres.start)
        await eventually(lambda: ledger.state_of("meanwhile 4"), retries.LONGEST_PAUSE_S + 5)
        await relay.publish(bus, [returning("after", "eve")])
        await eventually(lambda: ledger.state_of("after"), JOIN_S)
        assert await letters(lone, "eve") == []


async def test_a_stop_does_not_wait_for_the_database(
    lone: KafkaSettings, own_postgres: Postgres
) -> None:
    url = await asyncio.to_thread(own_postgres.ensure_database, "credits", "secret")
    group = fresh_group()
    async with ledger_at(url) as ledger:
        async with credits_on(lone, ledger, group) as bus:
            await asyncio.to_thread(own_postgres.stop)
            await relay.publish(bus, [returning("waits", "fay")])
            await asyncio.sleep(3)
            began = time.monotonic()
        assert time.monotonic() - began < 8
        await asyncio.to_thread(own_postgres.start)
        async with credits_on(lone, ledger, group):
            await eventually(lambda: ledger.state_of("waits"))


async def test_a_row_that_stays_locked_stops_its_partition_for_a_while_only(
    lone: KafkaSettings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(retries, "LONGEST_PAUSE_S", 0.02)
    impatient = create_async_engine(ledger.engine.url, connect_args={"command_timeout": 0.2})
    await ledger.give("gil", 5)
    lock = sa.text("SELECT 1 FROM accounts WHERE id = 'gil' FOR UPDATE")
    async with credits_on(lone, Ledger(impatient), fresh_group()) as bus:
        async with ledger.engine.begin() as connection:
            await connection.execute(lock)
            others = [returning(f"of {n}", f"other {n}") for n in range(20)]
            await relay.publish(bus, [*others[:10], hold("locked", "gil"), *others[10:]])
            for n in range(20):
                await eventually(lambda n=n: ledger.state_of(f"of {n}"), 60)  # type: ignore[misc]
        [letter] = await letters(lone, "gil")
        assert letter.reason.startswith("TimeoutError at services.credits.store:")
        await relay.publish(bus, [hold("later", "gil")])
        await eventually(lambda: ledger.state_of("later"))
    await impatient.dispose()


async def test_a_letter_waits_for_the_broker_and_what_follows_for_the_letter(
    own_broker: Broker, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker falls silent between the delivery of a bad message and its burial."""
    settings = settings_of(own_broker, partitions=1)
    await ensure_topics(settings)
    assert own_broker.process is not None
    process = own_broker.process
    bury = relay.publish
    silent = asyncio.Event()

    async def falls_silent(bus: object, messages: object) -> object:
        if not silent.is_set():
            process.send_signal(signal.SIGSTOP)
            silent.set()
        return await bury(bus, messages)  # type: ignore[arg-type]

    async with credits_on(settings, ledger, fresh_group(), prices={}) as bus:
        await bus.publish([hold("bad", "hal"), returning("good", "hal")])
        monkeypatch.setattr(relay, "publish", falls_silent)
        await silent.wait()
        await asyncio.sleep(4)
        assert await ledger.state_of("good") is None
        process.send_signal(signal.SIGCONT)
        await eventually(lambda: ledger.state_of("good"))
        # Those that were not acknowledged in time may have been written as well.
        assert {letter.key for letter in await letters(settings)} == {"hal"}
