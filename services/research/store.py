"""Every SQL statement of the research service, besides those of every kind of run."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from libs.contracts.gateway import Outcome
from libs.contracts.research import ReportContent
from libs.work.store import RUN_COLUMN_TYPES, RunStore
from services.research.domain import Person, PersonStatus, ResearchRun, Settlement
from services.research.ports import PersonAfter

PERSON_COLUMNS = ", ".join(field.name for field in fields(Person))

RESEARCH_COLUMN_TYPES = {
    **RUN_COLUMN_TYPES,
    "settlement": "text",
    "price": "integer",
    "balance": "integer",
    "rejected_as": "text",
    "report_version": "integer",
}

# Sorted, so that two batches over the same people wait for each other and never deadlock.
LOCK_PEOPLE = sa.text(f"""
    SELECT {PERSON_COLUMNS} FROM people
    WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR UPDATE
""")  # noqa: S608 (column names of our own dataclass)

READ_PEOPLE = sa.text(f"""
    SELECT {PERSON_COLUMNS} FROM people WHERE id = ANY(CAST(:ids AS text[]))
""")  # noqa: S608 (column names of our own dataclass)

LOCK_PEOPLE_OF_RUNS = sa.text("""
    SELECT id FROM people
    WHERE id IN (SELECT person_id FROM runs WHERE id = ANY(CAST(:run_ids AS text[])))
    ORDER BY id FOR UPDATE
""")

INSERT_PERSON = sa.text(f"""
    INSERT INTO people ({PERSON_COLUMNS})
    VALUES ({", ".join(f":{field.name}" for field in fields(Person))})
    ON CONFLICT DO NOTHING RETURNING active_run_id
""")  # noqa: S608 (column names of our own dataclass)

# The compare-and-swap: only the rows in RETURNING were won.
START_PEOPLE = sa.text("""
    UPDATE people SET status = 'running', active_run_id = wanted.run_id, updated_at = :now
    FROM unnest(CAST(:ids AS text[]), CAST(:run_ids AS text[])) AS wanted (id, run_id)
    WHERE people.id = wanted.id AND people.status <> 'running'
    RETURNING people.active_run_id
""")

RELEASE_PEOPLE = sa.text("""
    UPDATE people SET status = after.status, active_run_id = NULL, updated_at = :now
    FROM unnest(CAST(:ids AS text[]), CAST(:run_ids AS text[]), CAST(:statuses AS text[]))
        AS after (id, run_id, status)
    WHERE people.id = after.id AND people.active_run_id = after.run_id
""")

REMOVE_PEOPLE = sa.text("""
    DELETE FROM people USING unnest(CAST(:ids AS text[]), CAST(:run_ids AS text[]))
        AS gone (id, run_id)
    WHERE people.id = gone.id AND people.active_run_id = gone.run_id
""")

ENRICH_PERSON = sa.text("""
    UPDATE people SET role = coalesce(:role, role), last_enriched_at = :now WHERE id = :id
""")

DELETE_SOURCES = sa.text("""
    DELETE FROM sources WHERE run_id IN (SELECT id FROM runs WHERE person_id = :id)
""")

# Sorted, as everybody locks runs: an update alone takes them in no order.
LOCK_RUNS_OF_PERSON = sa.text("SELECT id FROM runs WHERE person_id = :id ORDER BY id FOR UPDATE")

# The messages for people name the pages that could not be read, a profile perhaps.
FORGET_ERRORS = sa.text("UPDATE runs SET error_message = NULL WHERE person_id = :id")

NEWEST_REPORT = sa.text("""
    SELECT version, content FROM reports WHERE person_id = :person_id
    ORDER BY version DESC LIMIT 1
""")

INSERT_REPORT = sa.text("""
    INSERT INTO reports (id, person_id, run_id, version, content, change_summary, generated_at)
    VALUES (:id, :person_id, :run_id, :version, CAST(:content AS jsonb), :change_summary, :now)
""")

SELECT_PEOPLE = sa.text(f"""
    SELECT {PERSON_COLUMNS} FROM people
    WHERE user_id = :user_id AND (created_at, id) < (:before, :before_id)
    ORDER BY created_at DESC, id DESC LIMIT :most
""")  # noqa: S608 (column names of our own dataclass)

SELECT_REPORTS = sa.text("""
    SELECT reports.* FROM reports JOIN people ON people.id = person_id
    WHERE person_id = :person_id AND user_id = :user_id
        AND version = coalesce(CAST(:version AS integer), version)
    ORDER BY version DESC LIMIT :most
""")

DELETE_PERSON = sa.text("DELETE FROM people WHERE id = :id")
READ_PERSON = sa.text("SELECT * FROM people WHERE id = :id AND user_id = :user_id")


class PostgresStore(RunStore[ResearchRun], model=ResearchRun, changing=RESEARCH_COLUMN_TYPES):
    """The store within the transaction that `connection` is in."""

    def _run(self, row: Any) -> ResearchRun:
        run = super()._run(row)
        values = {
            "settlement": Settlement(run.settlement),
            "prior_status": PersonStatus(run.prior_status),
            "rejected_as": Outcome(run.rejected_as) if run.rejected_as else None,
        }
        return ResearchRun(**{**asdict(run), **values})

    async def _lock_subjects(self, run_ids: Collection[str]) -> None:
        await self._connection.execute(LOCK_PEOPLE_OF_RUNS, {"run_ids": list(run_ids)})

    async def lock_people(self, ids: Collection[str]) -> dict[str, Person]:
        """Locks people until the transaction ends."""
        rows = await self._connection.execute(LOCK_PEOPLE, {"ids": list(ids)})
        return {row.id: _person(row) for row in rows}

    async def insert_people(self, people: Sequence[Person]) -> set[str]:
        """Adds people and answers the runs that brought them; a known profile is not added."""
        winners: set[str] = set()
        # Sorted, so that two batches that bring the same profiles wait and never deadlock.
        for person in sorted(people, key=lambda p: (p.user_id, p.linkedin_slug or "", p.id)):
            run_id = await self._connection.scalar(INSERT_PERSON, asdict(person))
            if run_id is not None:
                winners.add(run_id)
        return winners

    async def start_people(self, people: Sequence[Person], now: datetime) -> set[str]:
        """Gives each person to their `active_run_id` unless a run has them; answers the runs
        that won."""
        if not people:
            return set()
        rows = await self._connection.execute(
            START_PEOPLE,
            {
                "ids": [person.id for person in people],
                "run_ids": [person.active_run_id for person in people],
                "now": now,
            },
        )
        return {row.active_run_id for row in rows}

    async def release_people(self, people: Sequence[PersonAfter], now: datetime) -> None:
        """Takes people back from ended runs, where it is still that run that has them."""
        staying = [after for after in people if after.status is not None]
        going = [after for after in people if after.status is None]
        if staying:
            await self._connection.execute(
                RELEASE_PEOPLE,
                {
                    "ids": [after.person_id for after in staying],
                    "run_ids": [after.run_id for after in staying],
                    "statuses": [after.status for after in staying],
                    "now": now,
                },
            )
        if going:
            await self._connection.execute(
                REMOVE_PEOPLE,
                {
                    "ids": [after.person_id for after in going],
                    "run_ids": [after.run_id for after in going],
                },
            )

    async def enrich_person(self, person_id: str, role: str | None, now: datetime) -> None:
        """Notes that a report was written, and the role that it found."""
        await self._connection.execute(ENRICH_PERSON, {"id": person_id, "role": role, "now": now})

    async def delete_person(self, person_id: str) -> None:
        """Removes a person with their reports and sources; their runs keep nothing personal."""
        await self._connection.execute(DELETE_SOURCES, {"id": person_id})
        await self._connection.execute(LOCK_RUNS_OF_PERSON, {"id": person_id})
        await self._connection.execute(FORGET_ERRORS, {"id": person_id})
        await self._connection.execute(DELETE_PERSON, {"id": person_id})

    async def newest_report(self, person_id: str) -> tuple[int, ReportContent] | None:
        """The person's latest version and its content."""
        row = (
            await self._connection.execute(NEWEST_REPORT, {"person_id": person_id})
        ).one_or_none()
        return (row.version, ReportContent.model_validate(row.content)) if row else None

    async def insert_report(
        self,
        run: ResearchRun,
        version: int,
        content: ReportContent,
        change_summary: str | None,
        now: datetime,
    ) -> None:
        """Adds a version. One run writes one report, so the report's id follows from the run's."""
        await self._connection.execute(
            INSERT_REPORT,
            {
                "id": run.id.replace("run_", "rep_", 1),
                "person_id": run.person_id,
                "run_id": run.id,
                "version": version,
                "content": content.model_dump_json(),
                "change_summary": change_summary,
                "now": now,
            },
        )

    async def person(self, person_id: str, user_id: str) -> Person | None:
        """A user's person as they are now."""
        row = (
            await self._connection.execute(
                READ_PERSON,
                {"id": person_id, "user_id": user_id},
            )
        ).one_or_none()
        return _person(row) if row else None

    async def people(self, ids: Collection[str]) -> dict[str, Person]:
        """People as they are now, without a lock."""
        if not ids:
            return {}
        rows = await self._connection.execute(READ_PEOPLE, {"ids": list(ids)})
        return {row.id: _person(row) for row in rows}

    async def people_page(
        self, user_id: str, before: datetime, before_id: str, most: int
    ) -> list[Person]:
        """A user's people from before a point in time, newest first."""
        rows = await self._connection.execute(
            SELECT_PEOPLE,
            {"user_id": user_id, "before": before, "before_id": before_id, "most": most},
        )
        return [_person(row) for row in rows]

    async def reports(
        self, person_id: str, user_id: str, *, version: int | None = None, most: int
    ) -> list[dict[str, Any]]:
        """Reports of a user's person, newest version first."""
        rows = await self._connection.execute(
            SELECT_REPORTS,
            {"person_id": person_id, "user_id": user_id, "version": version, "most": most},
        )
        return [dict(row) for row in rows.mappings()]


def _person(row: Any) -> Person:
    values = {field.name: getattr(row, field.name) for field in fields(Person)}
    return Person(**{**values, "status": PersonStatus(values["status"])})
