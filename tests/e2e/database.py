"""What no route shows: the stored texts behind the quotes, and what must always hold.

The only place of this tier that knows tables.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg

HOST = "127.0.0.1"

ADD_IDLE_PERSON = """
    INSERT INTO people (id, user_id, status, first_name, last_name, company, company_website,
                        created_at, updated_at)
    VALUES ($1, $2, 'idle', 'Orla', 'Venn', 'Tallowby', $3, now(), now())
"""

MUST_BE_EMPTY = {
    "research": {
        "a person has two open runs": """
            SELECT person_id FROM runs
            WHERE state IN ('holding', 'dispatching', 'queued', 'working')
            GROUP BY person_id HAVING count(*) > 1""",
        "a person is running without an open run": """
            SELECT people.id FROM people LEFT JOIN runs ON runs.id = people.active_run_id
            WHERE status = 'running' AND (runs.state IS NULL OR
                  runs.state NOT IN ('holding', 'dispatching', 'queued', 'working'))""",
        "report versions have a gap": """
            SELECT person_id FROM reports GROUP BY person_id
            HAVING count(*) <> max(version) OR min(version) <> 1""",
        "a completed run is not charged": """
            SELECT id, settlement FROM runs WHERE state = 'complete' AND settlement <> 'charged'""",
        "a run without a report costs something": """
            SELECT id, state, settlement FROM runs
            WHERE state IN ('failed', 'cancelled', 'rolled_back')
            AND settlement NOT IN ('voided', 'refunded', 'declined')""",
    },
    "credits": {
        "an account is below zero": "SELECT id FROM accounts WHERE posted < held OR held < 0",
        "an account is not the sum of its entries": """
            SELECT accounts.id FROM accounts LEFT JOIN entries ON entries.account_id = accounts.id
            GROUP BY accounts.id, posted HAVING posted <> coalesce(sum(amount), 0)""",
        "held is not the sum of the open holds": """
            SELECT accounts.id FROM accounts
            LEFT JOIN holds ON holds.account_id = accounts.id AND holds.state = 'held'
            GROUP BY accounts.id, held HAVING held <> coalesce(sum(holds.amount), 0)""",
        "all entries do not sum to zero": """
            SELECT sum(amount) FROM entries HAVING coalesce(sum(amount), 0) <> 0""",
        "a run was charged or refunded twice": """
            SELECT run_id, kind FROM entries WHERE run_id IS NOT NULL AND account_id NOT LIKE '@%'
            GROUP BY run_id, kind HAVING count(*) > 1""",
        "a hold is open": "SELECT run_id FROM holds WHERE state = 'held'",
    },
}


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
        async with self._open("context") as connection:
            await connection.execute(
                "UPDATE user_profiles SET last_context_regenerated_at = now() - interval '2 days' "
                "WHERE user_id = $1",
                user_id,
            )

    async def broken_rules(self) -> list[str]:
        """Which rules of those that hold whenever nothing is under way are broken, and by what."""
        broken = []
        for service, rules in MUST_BE_EMPTY.items():
            async with self._open(service) as connection:
                for rule, query in rules.items():
                    broken += [f"{rule}: {dict(row)}" for row in await connection.fetch(query)]
        return broken
