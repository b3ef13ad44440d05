"""What no route shows: the stored texts behind the quotes, and what must always hold.

The only place of this tier that knows tables.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg

from deploy.local.audit import database_urls
from deploy.local.folder import DataFolder
from libs.audit.audit import audit
from libs.audit.passes import Databases as Audited
from libs.audit.statements import Rules

HOST = "127.0.0.1"

ADD_IDLE_PERSON = """
    INSERT INTO people (id, user_id, status, first_name, last_name, company, company_website,
                        created_at, updated_at)
    VALUES ($1, $2, 'idle', 'Orla', 'Venn', 'Tallowby', $3, now(), now())
"""

# The stacks of this tier keep the default of the window.
AT_REST = Rules(window=timedelta(hours=24), grace=timedelta(0))


class Databases:
    """The databases of the stack on a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def _open(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        secrets = json.loads((self._folder / "secrets.json").read_text())
        ports = json.loads((self._folder / "ports.json").read_text())
        connection = await asyncpg.connect(
            host=HOST,
            port=ports["postgres"],
            user=service,
            password=secrets[f"database.{service}"],
            database=service,
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def fetch(self, service: str, query: str) -> list[asyncpg.Record]:
        """The rows that a query of a service's database answers."""
        async with self._open(service) as connection:
            rows: list[asyncpg.Record] = await connection.fetch(query)
        return rows

    async def texts(self, service: str, run_id: str) -> dict[str, str]:
        """The stored text of each source of a run, by the source's id."""
        async with self._open(service) as connection:
            rows = await connection.fetch("SELECT id, text FROM sources WHERE run_id = $1", run_id)
        return {row["id"]: row["text"] for row in rows}

    async def idle_people(self, user_id: str, count: int, website: str) -> list[str]:
        """People who were never researched: the API has no way to add one without a run."""
        ids = [str(uuid4()) for _ in range(count)]
        async with self._open("research") as connection:
            await connection.executemany(ADD_IDLE_PERSON, [(id_, user_id, website) for id_ in ids])
        return ids

    async def open_window(self, user_id: str) -> None:
        """Lets a day pass for a user's next regeneration."""
        async with self._open("context") as connection, connection.transaction():
            for change in (
                "UPDATE user_profiles SET last_context_regenerated_at = "
                "last_context_regenerated_at - interval '2 days' WHERE user_id = $1",
                "UPDATE runs SET stamp = stamp - interval '2 days' WHERE user_id = $1",
            ):
                await connection.execute(change, user_id)

    async def broken_rules(self) -> list[str]:
        """What does not hold of all that holds whenever nothing is under way."""
        urls = database_urls(DataFolder(self._folder), {})
        async with Audited.at(urls) as databases:
            results = await audit(databases, AT_REST)
        return [str(violation) for found in results for violation in found.violations]
