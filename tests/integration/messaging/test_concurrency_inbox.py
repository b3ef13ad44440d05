"""Many processes get the same messages at once, on a real PostgreSQL: each has one effect."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random

import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.contracts.research import ResearchTask
from libs.messaging.bus import Envelope
from libs.messaging.clock import random_ids
from libs.messaging.router import Received, Route, Router
from libs.messaging.unit import PostgresDatabase, Unit, Units
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from tests.support.memory import TRACE, MemoryBus, Time, arriving

PROCESSES = 20
MESSAGES = 40


@pytest_asyncio.fixture
async def engines(database_url: Callable[[str], str]) -> AsyncIterator[list[AsyncEngine]]:
    """Two engines on a database with the tables of credits, which has an inbox."""
    url = database_url("credits")
    await asyncio.to_thread(upgrade, "credits", url)
    engines = [create_engine(url) for _ in range(2)]
    yield engines
    for engine in engines:
        await engine.dispose()


async def effects(engine: AsyncEngine) -> Counter[str]:
    """How often each run's message had its effect: the row that its handler emits."""
    async with engine.connect() as connection:
        return Counter(await connection.scalars(sa.text("SELECT key FROM outbox")))


async def test_of_many_deliveries_each_message_has_one_effect(engines: list[AsyncEngine]) -> None:
    """In batches of any order and mixture, although every process fails now and then."""
    messages = [arriving(ResearchTask(run_id=f"run_{n}")) for n in range(MESSAGES)]
    handled = 0

    async def receive(number: int) -> None:
        random = Random(number)

        async def handler(unit: Unit[None], group: Sequence[Received[ResearchTask]]) -> None:
            nonlocal handled
            for received in group:
                unit.emit(ResearchTask(run_id=received.message.run_id), trace=TRACE)
            await asyncio.sleep(0.002)
            if random.random() < 0.2:
                raise ConnectionError("the database was away for a moment")
            handled += len(group)

        router = router_on(engines[number % len(engines)], handler)
        mine = random.sample(messages, len(messages)) + random.sample(messages, 10)
        while mine:
            size = random.randint(1, 15)
            await router.handle(mine[:size])
            del mine[:size]

    await asyncio.gather(*(receive(number) for number in range(PROCESSES)))
    assert await effects(engines[0]) == Counter(f"run_{n}" for n in range(MESSAGES))
    assert handled == MESSAGES


async def test_a_delivery_waits_for_the_one_that_is_being_handled(
    engines: list[AsyncEngine],
) -> None:
    """Else it would count as consumed, although the one that is handling it may still die."""
    message = arriving(ResearchTask(run_id="run_1"))
    begun, fail = asyncio.Event(), asyncio.Event()

    async def fails(unit: Unit[None], group: Sequence[Received[ResearchTask]]) -> None:
        begun.set()
        await fail.wait()
        raise Dies

    async def works(unit: Unit[None], group: Sequence[Received[ResearchTask]]) -> None:
        unit.emit(group[0].message, trace=TRACE)

    first = asyncio.create_task(router_on(engines[0], fails).handle([message]))
    await begun.wait()
    second = asyncio.create_task(router_on(engines[1], works).handle([message]))
    await asyncio.sleep(0.2)
    assert not second.done()
    fail.set()
    await asyncio.wait([first])
    assert isinstance(first.exception(), Dies)
    await second
    assert await effects(engines[0]) == Counter(["run_1"])


class Dies(BaseException):
    """The end of a process."""


Handler = Callable[[Unit[None], Sequence[Received[ResearchTask]]], object]


def router_on(engine: AsyncEngine, handler: Handler) -> Router[None]:
    database = PostgresDatabase(engine, lambda connection: None)
    units: Units[None] = Units(database, Envelope(source="/test", ids=random_ids), Time())
    route = Route((ResearchTask,), handler)  # type: ignore[arg-type]
    return Router(units, MemoryBus(), Time(), [route])
