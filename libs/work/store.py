"""SQL over a service's `runs` and `sources`, whatever further columns its runs have."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.sources import Source
from libs.work.run import Run, RunState

R = TypeVar("R", bound=Run)

# Sorted, so that two batches over the same runs wait for each other and never deadlock.
LOCK_RUNS = sa.text(
    "SELECT * FROM runs WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR UPDATE"
)
READ_RUN = sa.text("SELECT * FROM runs WHERE id = :id")

HEARTBEAT = sa.text("""
    UPDATE runs SET due_at = :lease_until
    WHERE id = :id AND token = :token AND state = 'working' RETURNING id
""")

OVERDUE = sa.text("SELECT id FROM runs WHERE due_at <= :now ORDER BY due_at LIMIT :most")

# Open runs have a deadline, and so have ended ones until they are settled: a small index.
PENDING = sa.text("""
    SELECT state, count(*), count(*) FILTER (WHERE due_at < :before) FROM runs
    WHERE due_at IS NOT NULL GROUP BY state
""")

RECORD_SOURCE = sa.text("""
    INSERT INTO sources
        (run_id, id, url, status, reason, via, title, content_hash, fetched_at, text)
    VALUES (:run_id, :id, :url, :status, :reason, :via, :title, :content_hash, :fetched_at, :text)
    ON CONFLICT (run_id, id) DO UPDATE SET
        url = excluded.url, status = excluded.status, reason = excluded.reason,
        via = excluded.via, title = excluded.title, content_hash = excluded.content_hash,
        fetched_at = excluded.fetched_at, text = excluded.text
""")

LIST_SOURCES = sa.text("""
    SELECT id, url, status, reason, via, title, content_hash, fetched_at FROM sources
    WHERE run_id = :run_id ORDER BY fetched_at, id
""")

SOURCE_TEXTS = sa.text("SELECT id, text FROM sources WHERE run_id = :run_id")


@dataclass(frozen=True, slots=True)
class Pending:
    """Runs of one state that somebody must still act on, and those of them that are overdue."""

    runs: int
    overdue: int


class RunStore(ABC, Generic[R]):
    """Runs of one model, in the transaction that `connection` is in.

    A service's store names its `model`, and in `changing` the Postgres types of all
    columns of a run that can change.
    """

    _model: ClassVar[type[Any]]
    _columns: ClassVar[list[str]]
    _changing: ClassVar[list[str]]
    _insert: ClassVar[sa.TextClause]
    _save: ClassVar[sa.TextClause]

    def __init_subclass__(cls, *, model: type[R], changing: Mapping[str, str]) -> None:
        cls._model = model
        cls._columns = [field.name for field in fields(model)]
        cls._changing = ["id", *changing]
        values = ", ".join(f":{name}" for name in cls._columns)
        arrays = ", ".join(f"CAST(:{name} AS {of}[])" for name, of in changing.items())
        assignments = ", ".join(f"{name} = new.{name}" for name in changing)
        # Only column names of our own go into the texts.
        cls._insert = sa.text(f"INSERT INTO runs ({', '.join(cls._columns)}) VALUES ({values})")  # noqa: S608
        cls._save = sa.text(
            f"UPDATE runs SET {assignments} "  # noqa: S608
            f"FROM unnest(CAST(:id AS text[]), {arrays}) AS new (id, {', '.join(changing)}) "
            "WHERE runs.id = new.id"
        )

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def _run(self, row: Any) -> R:
        values = {name: getattr(row, name) for name in self._columns}
        run: R = self._model(**{**values, "state": RunState(values["state"])})
        return run

    async def lock_runs(self, ids: Collection[str], *, to_end: bool = False) -> dict[str, R]:
        """Locks runs until the transaction ends.

        `to_end` first locks what the end of a run changes besides it, since rows
        are locked in a fixed order: the subjects of runs, then runs.
        """
        if to_end:
            await self._lock_subjects(ids)
        rows = await self._connection.execute(LOCK_RUNS, {"ids": list(ids)})
        return {row.id: self._run(row) for row in rows}

    @abstractmethod
    async def _lock_subjects(self, run_ids: Collection[str]) -> None:
        """Locks the rows that the runs are about, in the order of their ids."""

    async def run(self, run_id: str) -> R | None:
        """A run as it is now, without a lock."""
        row = (await self._connection.execute(READ_RUN, {"id": run_id})).one_or_none()
        return self._run(row) if row else None

    async def insert_runs(self, runs: Iterable[R]) -> None:
        """Adds runs in one statement.

        Raises:
            sqlalchemy.exc.IntegrityError: a run of that id exists, or another open one of
                what it is about.
        """
        if rows := [{name: getattr(run, name) for name in self._columns} for run in runs]:
            await self._connection.execute(self._insert, rows)

    async def save_runs(self, runs: Iterable[R]) -> None:
        """Writes locked runs back in one statement."""
        changed = list(runs)
        if not changed:
            return
        values = {name: [getattr(run, name) for run in changed] for name in self._changing}
        await self._connection.execute(self._save, values)

    async def heartbeat(self, run_id: str, token: str, lease_until: datetime) -> bool:
        """Extends a lease, if the token still holds it."""
        values = {"id": run_id, "token": token, "lease_until": lease_until}
        return (await self._connection.execute(HEARTBEAT, values)).one_or_none() is not None

    async def overdue(self, now: datetime, most: int) -> list[str]:
        """Ids of runs whose deadline has passed, longest ago first."""
        rows = await self._connection.execute(OVERDUE, {"now": now, "most": most})
        return [row.id for row in rows]

    async def pending(self, before: datetime) -> dict[RunState, Pending]:
        """Runs that are open or not settled, by state; overdue where due before a time."""
        rows = await self._connection.execute(PENDING, {"before": before})
        return {RunState(state): Pending(runs, overdue) for state, runs, overdue in rows}

    async def record_source(self, run_id: str, source: Source) -> None:
        """Stores what came of a page; a later attempt at the same page replaces it."""
        await self._connection.execute(
            RECORD_SOURCE,
            {
                "run_id": run_id,
                "title": source.metadata.title,
                **source.model_dump(exclude={"metadata"}),
            },
        )

    async def sources(self, run_id: str) -> list[dict[str, Any]]:
        """A run's sources without their texts, in the order they were read."""
        rows = await self._connection.execute(LIST_SOURCES, {"run_id": run_id})
        return [dict(row) for row in rows.mappings()]

    async def source_texts(self, run_id: str) -> dict[str, str]:
        """The stored snapshots of a run, by source id."""
        rows = await self._connection.execute(SOURCE_TEXTS, {"run_id": run_id})
        return {row.id: row.text for row in rows}


RUN_COLUMN_TYPES = {
    "state": "text",
    "due_at": "timestamptz",
    "step": "text",
    "attempt": "integer",
    "token": "text",
    "worker": "text",
    "error_code": "text",
    "error_message": "text",
    "reply_partition": "integer",
    "reply_correlation_id": "text",
    "ended_at": "timestamptz",
}
"""Types of the columns of every run that can change."""
