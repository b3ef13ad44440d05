"""The compare-and-swaps on a real PostgreSQL: of many at once, one wins, and the others change
nothing. What decides stands in one statement; a look beforehand would let several win."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from services.context.domain import Profile
from services.context.store import PostgresStore as ContextStore
from services.research.domain import Person, PersonStatus
from services.research.store import PostgresStore as ResearchStore
from tests.support.memory import START

AT_ONCE = 20
WINDOW = timedelta(hours=24)
T = TypeVar("T")

Engines = list[AsyncEngine]
Make = Callable[[str], Awaitable[Engines]]


@pytest_asyncio.fixture
async def engines_of(database_url: Callable[[str], str]) -> AsyncIterator[Make]:
    """Makes two processes' engines on a new database of a service."""
    made: Engines = []

    async def make(service: str) -> Engines:
        url = database_url(service)
        await asyncio.to_thread(upgrade, service, url)
        made.extend(create_engine(url) for _ in range(2))
        return made

    yield make
    for engine in made:
        await engine.dispose()


async def all_at_once(
    engines: Engines, work: Callable[[AsyncConnection, int], Awaitable[T]]
) -> list[T]:
    """Twenty transactions that have all begun before any does its work."""
    begun = asyncio.Barrier(AT_ONCE)

    async def one(turn: int) -> T:
        async with engines[turn % len(engines)].begin() as connection:
            await begun.wait()
            result = await work(connection, turn)
            await asyncio.sleep(0.01)
            return result

    return await asyncio.gather(*(one(turn) for turn in range(AT_ONCE)))


def person(status: PersonStatus) -> Person:
    return Person(
        id="person",
        user_id="ada",
        status=status,
        active_run_id=None,
        created_at=START,
        updated_at=START,
    )


@pytest.mark.parametrize("status", [PersonStatus.IDLE, PersonStatus.FAILED, PersonStatus.COMPLETE])
async def test_of_many_runs_one_gets_the_person(engines_of: Make, status: PersonStatus) -> None:
    engines = await engines_of("research")
    async with engines[0].begin() as connection:
        await ResearchStore(connection).insert_people([person(status)])

    async def start(connection: AsyncConnection, turn: int) -> set[str]:
        wanted = replace(person(status), active_run_id=f"run_{turn}")
        return await ResearchStore(connection).start_people([wanted], START)

    won = await all_at_once(engines, start)
    [winner] = [run for runs in won for run in runs]
    async with engines[0].begin() as connection:
        after = await ResearchStore(connection).person("person", "ada")
    running = PersonStatus.RUNNING
    assert after == replace(person(status), status=running, active_run_id=winner)
    assert [runs for runs in await all_at_once(engines, start) if runs] == []


def profile(turn: int, **fields: Any) -> Profile:
    wanted = {
        "user_id": "ada",
        "last_context_regenerated_at": START,
        "extra_context": {"freeform": f"words of {turn}"},
        "updated_at": START + timedelta(seconds=turn),
    }
    return Profile(**{**wanted, **fields})


async def take(connection: AsyncConnection, turn: int) -> bool:
    return await ContextStore(connection).take_slot(profile(turn), START, WINDOW)


async def kept(engines: Engines) -> Profile | None:
    async with engines[0].begin() as connection:
        return await ContextStore(connection).profile("ada")


@pytest.mark.parametrize("last", ["never", "no stamp", "just open", "long ago"])
async def test_of_many_regenerations_one_gets_the_slot(engines_of: Make, last: str) -> None:
    engines = await engines_of("context")
    stamps = {"no stamp": None, "just open": START - WINDOW, "long ago": START - 2 * WINDOW}
    before = None
    if last in stamps:
        before = profile(99, last_context_regenerated_at=stamps[last], website="https://a.example")
        async with engines[0].begin() as connection:
            await ContextStore(connection).save_profile(before)
    taken = await all_at_once(engines, take)
    assert sum(taken) == 1
    winner = profile(taken.index(True), website=before.website if before else None)
    assert await kept(engines) == winner


async def test_a_closed_window_stays_as_it_is(engines_of: Make) -> None:
    engines = await engines_of("context")
    closed = START - WINDOW + timedelta(milliseconds=1)
    before = profile(99, last_context_regenerated_at=closed)
    async with engines[0].begin() as connection:
        await ContextStore(connection).save_profile(before)
    assert not any(await all_at_once(engines, take))
    assert await kept(engines) == before
