"""An owner over a store in memory, for tests of the owner's half of a run."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from libs.contracts.envelope import Message, Meta, ReplyAddress
from libs.contracts.research import ResearchTask
from libs.contracts.sources import Source
from libs.contracts.work import WorkMessage
from libs.messaging.router import Received
from libs.messaging.unit import Unit
from libs.work.owner import Owner
from libs.work.run import Run, RunError, RunState
from libs.work.settings import WorkSettings
from tests.support.memory import Counter, MemoryUnits, Time, arriving
from tests.unit.work.test_run import a_run

S = RunState
SETTINGS = WorkSettings()
ADDRESS = ReplyAddress(partition=3, correlation_id="c")


class MemoryRuns:
    """See `libs.work.store.RunStore`."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.sources: list[tuple[str, str]] = []

    async def lock_runs(self, ids: Collection[str], *, to_end: bool = False) -> dict[str, Run]:
        return {id_: self.runs[id_] for id_ in ids if id_ in self.runs}

    async def save_runs(self, runs: Sequence[Run]) -> None:
        self.runs.update({run.id: run for run in runs})

    async def heartbeat(self, run_id: str, token: str, lease_until: datetime) -> bool:
        run = self.runs.get(run_id)
        if run is None or not run.leased_by(token):
            return False
        self.runs[run_id] = replace(run, due_at=lease_until)
        return True

    async def overdue(self, now: datetime, most: int) -> list[str]:
        due = [run for run in self.runs.values() if run.due_at and run.due_at <= now]
        return [run.id for run in due][:most]

    async def record_source(self, run_id: str, source: Source) -> None:
        self.sources.append((run_id, source.id))


class NotedSaga:
    """A saga that notes what it was told, and ends runs as sagas do."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []
        self.errors: list[RunError] = []

    def task(self, run: Run) -> Message:
        return ResearchTask(run_id=run.id)

    async def dispatched(self, unit: Unit[Any], runs: Sequence[Run]) -> None:
        self.told.append(("dispatched", [run.id for run in runs]))

    async def not_dispatched(self, unit: Unit[Any], run_ids: Sequence[str]) -> None:
        self.told.append(("not dispatched", list(run_ids)))

    async def failed(self, unit: Unit[Any], run_ids: Sequence[str], error: RunError) -> None:
        self.told.append(("failed", list(run_ids)))
        self.errors.append(error)
        runs = await unit.store.lock_runs(run_ids)
        ended = [run.ended(S.FAILED, unit.now, error=error) for run in runs.values()]
        await unit.store.save_runs([run for run in ended if run])

    async def overdue(self, unit: Unit[Any], runs: Sequence[Run]) -> None:
        self.told.append(("overdue", [run.id for run in runs]))


class Desk:
    """An owner over a store with one run in it."""

    def __init__(self, state: RunState, **changes: object) -> None:
        self.time = Time()
        self.store = MemoryRuns()
        self.units: MemoryUnits[MemoryRuns] = MemoryUnits(self.store, self.time)
        self.saga = NotedSaga()
        self.owner: Owner[Run] = Owner(self.saga, SETTINGS, Counter("token"))
        self.results: list[tuple[Run, Any]] = []
        self.add(a_run(state, **changes))

    def add(self, run: Run) -> None:
        self.store.runs[run.id] = run

    @property
    def run(self) -> Run:
        return self.store.runs["run_1"]

    @property
    def tasks(self) -> list[str]:
        return [row.key for row in self.units.outbox.values() if row.type == "ResearchTask"]

    async def claim(self, run_id: str = "run_1", worker: str = "w") -> Run | None:
        async with self.units.begin() as unit:
            return await self.owner.claim(unit, run_id, worker)

    async def take(self, *findings: WorkMessage) -> None:
        async def on_result(unit: Any, run: Run, message: Any) -> None:
            self.results.append((run, message))

        received = [
            Received(message, Meta.from_headers(arriving(ResearchTask(run_id="x")).headers))
            for message in findings
        ]
        async with self.units.begin() as unit:
            await self.owner.take_findings(unit, received, on_result)

    async def reap(self) -> int:
        async with self.units.begin() as unit:
            return await self.owner.reap(unit)
