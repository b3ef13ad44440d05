"""Several processes publish from one outbox on a real PostgreSQL, and may die at any point."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.contracts.research import ResearchTask
from libs.messaging.bus import Ack, Envelope, Outgoing
from libs.messaging.clock import random_ids
from libs.messaging.relay import SWEEP_AFTER, Relay
from libs.messaging.testing import Crash
from libs.messaging.unit import PostgresDatabase, Transaction, Units
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from tests.support.memory import TRACE, Time

PROCESSES = 4
EACH = 15


class CheckingBus:
    """A bus that sees to it that what it gets is still in the outbox, and then does as told.

    A row may go only after an acknowledgement: `lost` are messages that had no row before.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.acknowledged: dict[str, str] = {}
        """The runs of the messages, by their ids."""
        self.lost: set[str] = set()
        self.fate: Callable[[], Ack | BaseException] = lambda: Ack.ACKNOWLEDGED
        self._engine = engine

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]:
        stored = await rows(self._engine)
        self.lost |= {message.id for message in messages} - stored - self.acknowledged.keys()
        fate = self.fate()
        if isinstance(fate, Exception):
            raise fate
        acks = [fate if isinstance(fate, Ack) else Ack.ACKNOWLEDGED] * len(messages)
        if acks[0] is Ack.ACKNOWLEDGED:
            self.acknowledged |= {message.id: message.key for message in messages}
        if isinstance(fate, Crash):
            raise fate
        return acks


class DyingDatabase(PostgresDatabase[None]):
    """A database whose process dies at a point of its next transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, lambda connection: None)
        self.dies = ""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction[None]]:
        async with super().begin() as transaction:
            yield transaction
            if self.dies == "before commit":
                raise Crash
        if self.dies == "after commit":
            raise Crash


class Process:
    """A relay, and units that emit. What it has in memory dies with it."""

    def __init__(self, engine: AsyncEngine, bus: CheckingBus, time: Time) -> None:
        self.database = DyingDatabase(engine)
        envelope = Envelope(source="/test", ids=random_ids)
        self.units: Units[None] = Units(self.database, envelope, time)
        self.relay: Relay[None] = Relay(self.units, bus)

    async def emit(self, *runs: str) -> None:
        async with self.units.begin() as unit:
            for run in runs:
                unit.emit(ResearchTask(run_id=run), trace=TRACE)


async def rows(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        return set(await connection.scalars(sa.text("SELECT id FROM outbox")))


@pytest_asyncio.fixture
async def engine(database_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    """A database with the tables of credits, which has an outbox like any service."""
    url = database_url("credits")
    await asyncio.to_thread(upgrade, "credits", url)
    engine = create_engine(url)
    yield engine
    await engine.dispose()


async def left_in_peace(engine: AsyncEngine, bus: CheckingBus, time: Time) -> None:
    """A new process on a good day sweeps all that there is."""
    bus.fate = lambda: Ack.ACKNOWLEDGED
    time.pass_(seconds=SWEEP_AFTER.total_seconds() + 1)
    relay = Process(engine, bus, time).relay
    await relay.sweep()
    await relay.sweep()


async def test_several_relays_lose_nothing(engine: AsyncEngine) -> None:
    """On a bus that refuses, keeps silent, breaks and kills, while time passes."""
    bus, time, random = CheckingBus(engine), Time(), Random(7)
    fates = [*[Ack.ACKNOWLEDGED] * 3, Ack.REFUSED, Ack.UNKNOWN, ConnectionError(), Crash()]
    bus.fate = lambda: random.choice(fates)

    async def live(number: int) -> None:
        process = Process(engine, bus, time)
        for n in range(EACH):
            await process.emit(f"run_{number}_{n}")
            try:
                with suppress(ConnectionError):
                    await random.choice([process.relay.drain, process.relay.sweep])()
            except Crash:
                process = Process(engine, bus, time)
            time.pass_(seconds=1)

    await asyncio.gather(*(live(number) for number in range(PROCESSES)))
    await left_in_peace(engine, bus, time)
    assert bus.lost == set()
    runs = [f"run_{number}_{n}" for number in range(PROCESSES) for n in range(EACH)]
    assert sorted(bus.acknowledged.values()) == sorted(runs)
    assert await rows(engine) == set()


@pytest.mark.parametrize(
    "fate", [Ack.REFUSED, Ack.UNKNOWN, Ack.TOO_LARGE, ConnectionError()], ids=repr
)
async def test_without_an_acknowledgement_the_row_stays(engine: AsyncEngine, fate: Any) -> None:
    bus, time = CheckingBus(engine), Time()
    process = Process(engine, bus, time)
    bus.fate = lambda: fate
    await process.emit("1", "2")
    emitted = await rows(engine)
    for work in (process.relay.drain, process.relay.sweep):
        for _ in range(3):
            time.pass_(seconds=SWEEP_AFTER.total_seconds() + 1)
            with suppress(ConnectionError):
                await work()
            assert await rows(engine) == emitted
    await left_in_peace(engine, bus, time)
    assert bus.acknowledged.keys() == emitted and bus.lost == set()
    assert await rows(engine) == set()


@pytest.mark.parametrize("point", ["publish", "before commit", "after commit"])
@pytest.mark.parametrize("swept", [False, True], ids=["right after its commit", "by a sweep"])
async def test_a_crash_around_a_publish_loses_nothing(
    engine: AsyncEngine, point: str, swept: bool
) -> None:
    """The process dies right after the publish, or in the sweep that removes the rows."""
    bus, time = CheckingBus(engine), Time()
    process = Process(engine, bus, time)
    await process.emit("1", "2")
    emitted = await rows(engine)
    if swept:
        process = Process(engine, bus, time)
        time.pass_(seconds=SWEEP_AFTER.total_seconds() + 1)
    publish = process.relay.sweep if swept else process.relay.drain
    if point == "publish":
        bus.fate = lambda: Crash()
        with pytest.raises(Crash):
            await publish()
    else:
        await publish()
        process.database.dies = point
        with pytest.raises(Crash):
            await process.relay.sweep()
    assert bus.acknowledged.keys() == emitted
    assert await rows(engine) == (set() if point == "after commit" else emitted)
    await left_in_peace(engine, bus, time)
    assert bus.acknowledged.keys() == emitted and bus.lost == set()
    assert await rows(engine) == set()
