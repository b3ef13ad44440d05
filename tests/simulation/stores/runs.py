"""Runs and sources in memory. See `libs.work.store.RunStore`."""

from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from libs.contracts.sources import Source
from libs.work.run import Run
from tests.simulation.database import Session

R = TypeVar("R", bound=Run)

RUNS, SOURCES = "runs", "sources"


class MemoryRuns(Generic[R]):
    """`_subject` is what a run is about, locked before the runs whose end changes it."""

    _kept: ClassVar[tuple[str, ...]]
    _subjects: ClassVar[str]

    def __init_subclass__(cls, *, model: type[R], changing: Collection[str]) -> None:
        cls._kept = tuple(f.name for f in fields(model) if f.name not in {*changing, "id"})

    def __init__(self, session: Session) -> None:
        self._session = session

    def _subject(self, run: R) -> str:
        raise NotImplementedError

    def _unique(self, run: R) -> tuple[str, str] | None:
        """The unique index that a run takes while it is open: its table and key."""
        return None

    async def lock_runs(self, ids: Collection[str], *, to_end: bool = False) -> dict[str, R]:
        if to_end:
            await self._session.statement()
            known = [run for id_ in set(ids) if (run := self._session.get(RUNS, id_))]
            await self._session.lock(self._subjects, {self._subject(run) for run in known})
        await self._session.statement()
        return {run.id: run for run in await self._session.lock(RUNS, set(ids))}

    async def run(self, run_id: str) -> R | None:
        await self._session.statement()
        found: R | None = self._session.get(RUNS, run_id)
        return found

    async def insert_runs(self, runs: Iterable[R]) -> None:
        added = list(runs)
        if not added:
            return
        await self._session.statement()
        for run in added:
            if not await self._session.insert((RUNS, run.id, run)):
                raise self._session.violates("runs_pkey")
            if run.open:
                await self._take_unique(run)

    async def save_runs(self, runs: Iterable[R]) -> None:
        changed = {run.id: run for run in runs}
        if not changed:
            return
        await self._session.statement()
        for before in await self._session.lock(RUNS, changed):
            await self._update(before, self._saved(before, changed[before.id]))

    def _saved(self, before: R, run: R) -> R:
        """The run with the columns that an update does not write."""
        kept = {name: getattr(before, name) for name in self._kept}
        unlike = {name: value for name, value in kept.items() if value != getattr(run, name)}
        return replace(run, **unlike) if unlike else run

    async def _update(self, before: R, run: R) -> None:
        """Writes a locked run, and its place in the unique index."""
        await self._session.put(RUNS, run.id, run)
        if run.open and not before.open:
            await self._take_unique(run)
        elif before.open and (unique := self._unique(run)):
            await self._session.put(*unique, run.id if run.open else None)

    async def _take_unique(self, run: R) -> None:
        unique = self._unique(run)
        if unique and not await self._session.insert((*unique, run.id)):
            raise self._session.violates(unique[0])

    async def heartbeat(self, run_id: str, token: str, lease_until: datetime) -> bool:
        await self._session.statement()
        leased = await self._session.lock(RUNS, [run_id], lambda run: run.leased_by(token))
        for run in leased:
            await self._update(run, replace(run, due_at=lease_until))
        return bool(leased)

    async def overdue(self, now: datetime, most: int) -> list[str]:
        await self._session.statement()
        due = [run for run in self._session.rows(RUNS) if run.due_at and run.due_at <= now]
        return [run.id for run in sorted(due, key=lambda run: run.due_at)][:most]

    async def record_source(self, run_id: str, source: Source) -> None:
        await self._session.statement()
        await self._session.put(SOURCES, (run_id, source.id), source)

    async def sources(self, run_id: str) -> list[dict[str, Any]]:
        await self._session.statement()
        found = sorted(self._of(run_id), key=lambda source: (source.fetched_at, source.id))
        return [
            {
                "id": source.id,
                "url": source.url,
                "status": source.status.value,
                "reason": source.reason,
                "via": source.via,
                "title": source.metadata.title,
                "content_hash": source.content_hash,
                "fetched_at": source.fetched_at,
            }
            for source in found
        ]

    async def source_texts(self, run_id: str) -> dict[str, str]:
        await self._session.statement()
        return {source.id: source.text for source in self._of(run_id)}

    def _of(self, run_id: str) -> list[Source]:
        return [row for (of, _), row in self._session.items(SOURCES) if of == run_id]
