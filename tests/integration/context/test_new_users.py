"""Batches of regenerations on a real PostgreSQL, by several processes at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import pytest_asyncio
import structlog.testing

from deploy.local.postgres import Postgres
from libs.contracts.context import ContextRegenerateRequested
from libs.messaging.clock import random_ids
from libs.messaging.unit import PostgresDatabase, Units
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from libs.work.settings import WorkSettings
from services.context import app
from services.context.app import Context
from services.context.store import PostgresStore
from tests.support.memory import START, MemoryBus, Time, arriving

PROCESSES = 8
BATCHES = 5
USERS = 30


@pytest_asyncio.fixture
async def processes(postgres: Postgres) -> AsyncIterator[list[Context]]:
    """The context service, several times on one new database."""
    url = postgres.ensure_database("new_users", "context")
    await asyncio.to_thread(upgrade, "context", url)
    engines = [create_engine(url) for _ in range(2)]
    time = Time()
    made = []
    for number in range(PROCESSES):
        database = PostgresDatabase(engines[number % len(engines)], PostgresStore)
        units = Units(database, app.envelope(random_ids), time)
        window = timedelta(hours=24)
        made.append(app.build(units, MemoryBus(), time, random_ids, WorkSettings(), window))
    yield made
    for engine in engines:
        await engine.dispose()


async def test_new_users_do_not_deadlock(processes: list[Context]) -> None:
    """Nobody waits for a lock out of order, although no user has a profile yet."""

    def request(user: int, round_: int) -> ContextRegenerateRequested:
        return ContextRegenerateRequested(
            run_id=f"run_{random_ids()}",
            user_id=f"user_{round_}_{user}",
            not_after=START + timedelta(seconds=5),
            website="https://example.com",
        )

    async def work(process: Context, random: Random, round_: int) -> None:
        for _ in range(3):
            users = random.sample(range(USERS), random.choice([1, 2, 10]))
            await process.router.handle([arriving(request(user, round_)) for user in users])

    with structlog.testing.capture_logs() as logs:
        for round_ in range(BATCHES):
            await asyncio.gather(
                *(work(p, Random(f"{round_} {n}"), round_) for n, p in enumerate(processes))
            )
    tried_again = [log for log in logs if log["log_level"] == "warning"]
    assert tried_again == []
