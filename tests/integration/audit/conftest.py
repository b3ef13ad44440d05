"""Databases of a stack that was in use, for tests to spoil."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from deploy.local.folder import DataFolder
from deploy.local.postgres import Postgres
from libs.audit.passes import Databases as Audited
from libs.contracts.research import NewPerson
from libs.messaging.testing import ControlledBus
from tests.saga.crashes import SERVICES, Databases
from tests.saga.people import (
    USER,
    add_person,
    claim,
    claim_context,
    context_findings,
    failure,
    findings,
    report,
)
from tests.saga.world import World

PASSWORD = "it's: /secret?"
# What keeps the worst out of the tables. A restore or a migration may lose any of it.
CONSTRAINTS = {
    "research": (
        "DROP INDEX one_open_run_per_person",
        "ALTER TABLE people DROP CONSTRAINT running_has_a_run",
        "ALTER TABLE reports DROP CONSTRAINT reports_person_id_fkey",
    ),
    "credits": (
        "ALTER TABLE accounts DROP CONSTRAINT held_not_negative",
        "ALTER TABLE accounts DROP CONSTRAINT balance_not_negative",
        "ALTER TABLE holds DROP CONSTRAINT amount_not_negative",
    ),
}


@dataclass(frozen=True)
class Used:
    """A stack's databases, with what a user has done in them, and the folder that knows them."""

    folder: Path
    urls: dict[str, str]

    async def execute(self, service: str, statement: str) -> None:
        """Changes what is there by hand."""
        await _execute(self.urls[service], statement)


@pytest.fixture(scope="session")
async def databases(postgres: Postgres) -> AsyncIterator[Databases]:
    """The embedded stack's databases by name and role, without the constraints."""
    databases = await Databases.create(lambda name: postgres.ensure_database(name, PASSWORD))
    for service, statements in CONSTRAINTS.items():
        await _execute(_url(postgres, service), ";".join(statements))
    yield databases
    await databases.close()


@pytest.fixture
async def used(databases: Databases, postgres: Postgres, tmp_path: Path) -> Used:
    """A complete run, a failed, a declined and a queued one, and a regeneration."""
    await databases.clear()
    world = World(databases, ControlledBus(), now=datetime.now(UTC))
    await world.grant(USER, 3)
    _, run_id = await add_person(world)
    await report(world, *findings(run_id, await claim(world, run_id)))
    _, failed = await add_person(world)
    await report(world, failure(failed, await claim(world, failed)))
    await add_person(world)
    await world.ask(world.run_request("usr_poor", "person-x", new=NewPerson(first_name="X")))
    regeneration = world.regenerate_request(USER)
    await world.ask(regeneration)
    token = await claim_context(world, regeneration.run_id)
    await report(world, *context_findings(regeneration.run_id, token, "Example makes bolts."))
    await world.ask(world.regenerate_request(USER))
    folder = DataFolder(tmp_path)
    folder.write("ports.json", {"postgres": postgres.port})
    folder.write("secrets.json", {f"database.{service}": PASSWORD for service in SERVICES})
    return Used(tmp_path, {service: _url(postgres, service) for service in SERVICES})


@pytest.fixture
async def audited(used: Used) -> AsyncIterator[Audited]:
    """The way of the audit to these databases."""
    async with Audited.at(used.urls) as databases:
        yield databases


def _url(postgres: Postgres, service: str) -> str:
    return postgres.ensure_database(service, PASSWORD)


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
