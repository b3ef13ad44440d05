"""Nothing is published of a unit before PostgreSQL has committed it, nor if it does not."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.contracts.envelope import ReplyAddress
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import ResearchTask
from libs.messaging.bus import Envelope
from libs.messaging.clock import random_ids
from libs.messaging.relay import Relay
from libs.messaging.unit import PostgresDatabase, Unit, Units
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from tests.support.memory import TRACE, MemoryBus, Time

# Two rows of one id are found out only by the commit, which waits for whoever else adds one.
MAKE = "CREATE TABLE once (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)"
INSERT = sa.text("INSERT INTO once VALUES (1)")


@pytest_asyncio.fixture
async def engine(database_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    """A database with the tables of credits, and one whose constraint waits for the commit."""
    url = database_url("credits")
    await asyncio.to_thread(upgrade, "credits", url)
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.execute(sa.text(MAKE))
    yield engine
    await engine.dispose()


def units_of(engine: AsyncEngine) -> Units[AsyncConnection]:
    database = PostgresDatabase(engine, lambda connection: connection)
    return Units(database, Envelope(source="/test", ids=random_ids), Time())


def speak(unit: Unit[AsyncConnection]) -> None:
    unit.emit(ResearchTask(run_id="run"), trace=TRACE)
    address = ReplyAddress(partition=0, correlation_id="c")
    unit.reply(Reply(run_id="run", outcome=Outcome.ACCEPTED), to=address, trace=TRACE)


async def test_a_commit_that_fails_publishes_nothing(engine: AsyncEngine) -> None:
    units, bus = units_of(engine), MemoryBus()
    relay = Relay(units, bus)
    with pytest.raises(sa.exc.IntegrityError):
        async with units.begin() as unit:
            speak(unit)
            await unit.store.execute(INSERT)
            await unit.store.execute(INSERT)
    await relay.drain()
    assert bus.published == []


async def test_while_a_commit_waits_nothing_is_published(engine: AsyncEngine) -> None:
    """Another transaction has inserted the same id: the commit must know how that one ends."""
    units, bus = units_of(engine), MemoryBus()
    relay = Relay(units, bus)

    async def work() -> None:
        async with units.begin() as unit:
            speak(unit)
            await unit.store.execute(INSERT)

    async with engine.connect() as other:
        await other.execute(INSERT)
        committing = asyncio.create_task(work())
        await asyncio.sleep(0.3)
        await relay.drain()
        assert not committing.done() and bus.published == []
        await other.rollback()
    await committing
    await relay.drain()
    assert sorted(bus.types) == ["Reply", "ResearchTask"]
