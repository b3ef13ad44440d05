"""A stage for each service, in memory and on Postgres: whoever asks for one is run on both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

import services.context.store
import services.context.tables
import services.credits.store
import services.credits.tables
import services.research.store
import services.research.tables
from deploy.local.postgres import Postgres
from libs.runtime import database
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from services.context.ports import ContextStore
from services.credits.ports import CreditsStore
from services.research.ports import ResearchStore
from tests.integration.stores.kinds import KINDS, Runs
from tests.integration.stores.stage import PROCESSES, Stage, in_memory, on_postgres
from tests.simulation.stores.context import MemoryContext
from tests.simulation.stores.credits import MemoryCredits
from tests.simulation.stores.research import MemoryResearch

IN_MEMORY: dict[str, Any] = {
    "context": MemoryContext,
    "credits": MemoryCredits,
    "research": MemoryResearch,
}
ON_POSTGRES: dict[str, tuple[ModuleType, ModuleType]] = {
    "context": (services.context.tables, services.context.store),
    "credits": (services.credits.tables, services.credits.store),
    "research": (services.research.tables, services.research.store),
}

IMPATIENT_S = 0.5

Engines = Callable[[str], list[AsyncEngine]]
"""The engines of some processes of a service."""
Open = Callable[[str], AbstractAsyncContextManager[Stage[Any]]]
"""Opens the stage of a service."""


@pytest_asyncio.fixture(scope="session")
async def new_engines(postgres: Postgres) -> AsyncIterator[Engines]:
    """Makes engines on the databases of the services."""
    made: list[AsyncEngine] = []
    urls: dict[str, str] = {}
    for service in ON_POSTGRES:
        urls[service] = postgres.ensure_database(f"stores_{service}", "stores")
        await asyncio.to_thread(upgrade, service, urls[service])

    def make(service: str) -> list[AsyncEngine]:
        engines = [create_engine(urls[service]) for _ in range(PROCESSES)]
        made.extend(engines)
        return engines

    yield make
    for engine in made:
        await engine.dispose()


@pytest.fixture(scope="session")
def engines(new_engines: Engines) -> dict[str, list[AsyncEngine]]:
    """Engines that the tests share, by service."""
    return {service: new_engines(service) for service in ON_POSTGRES}


@pytest.fixture(params=["memory", "postgres"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def stage_of(request: pytest.FixtureRequest, backend: str) -> Open:
    if backend == "memory":
        return lambda service: in_memory(IN_MEMORY[service])
    engines: dict[str, list[AsyncEngine]] = request.getfixturevalue("engines")
    return lambda service: _on_postgres(service, engines[service])


def _on_postgres(
    service: str, engines: list[AsyncEngine]
) -> AbstractAsyncContextManager[Stage[Any]]:
    tables, store = ON_POSTGRES[service]
    return on_postgres(engines, tables.metadata, store.PostgresStore)


@pytest.fixture
def impatient_stage(
    request: pytest.FixtureRequest, backend: str, stage_of: Open, monkeypatch: pytest.MonkeyPatch
) -> AbstractAsyncContextManager[Stage[Any]]:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_S", IMPATIENT_S)
    if backend == "memory":
        return stage_of("credits")
    new_engines: Engines = request.getfixturevalue("new_engines")
    return _on_postgres("credits", new_engines("credits"))


@pytest_asyncio.fixture
async def impatient(
    impatient_stage: AbstractAsyncContextManager[Stage[Any]],
) -> AsyncIterator[Stage[CreditsStore]]:
    """A ledger whose statements may take a moment and no longer."""
    async with impatient_stage as stage:
        yield stage


@pytest_asyncio.fixture
async def ledger(stage_of: Open) -> AsyncIterator[Stage[CreditsStore]]:
    async with stage_of("credits") as stage:
        yield stage


@pytest_asyncio.fixture
async def service(stage_of: Open) -> AsyncIterator[Stage[object]]:
    """Any service's: each has the same inbox and the same outbox."""
    async with stage_of("credits") as stage:
        yield stage


@pytest_asyncio.fixture
async def research(stage_of: Open) -> AsyncIterator[Stage[ResearchStore]]:
    async with stage_of("research") as stage:
        yield stage


@pytest_asyncio.fixture
async def context(stage_of: Open) -> AsyncIterator[Stage[ContextStore]]:
    async with stage_of("context") as stage:
        yield stage


@pytest_asyncio.fixture(params=KINDS)
async def runs(request: pytest.FixtureRequest, stage_of: Open) -> AsyncIterator[Runs]:
    """The runs of each service that has runs."""
    async with stage_of(request.param) as stage:
        yield Runs(stage, KINDS[request.param])
