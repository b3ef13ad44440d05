"""The owner's half of a run: dispatch, claims, findings, and the reaper.

What a dispatch or a failure means beyond the run itself is the saga's to say.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import structlog

from libs.contracts.envelope import Message, Meta
from libs.contracts.gateway import Reply
from libs.contracts.sources import Source
from libs.contracts.work import (
    HANDED_BACK,
    Lease,
    SourceRecorded,
    StepStarted,
    WorkFailed,
    WorkMessage,
)
from libs.messaging.clock import Ids, trace_id
from libs.messaging.router import Received
from libs.messaging.unit import Unit
from libs.work.run import Run, RunError, RunState
from libs.work.settings import WorkSettings

log = structlog.get_logger()

R = TypeVar("R", bound=Run)

REAP_MOST = 200
SOURCES_MISSING = RunError("sources_missing", "Pages that were read did not arrive.")
LEASE_LOST = RunError("lease_lost", "The worker stopped answering.")


class RunsPort(Protocol[R]):
    """What the owner needs of a store. See `RunStore`."""

    async def lock_runs(self, ids: Collection[str], *, to_end: bool = False) -> dict[str, R]: ...
    async def save_runs(self, runs: Sequence[R]) -> None: ...
    async def heartbeat(self, run_id: str, token: str, lease_until: datetime) -> bool: ...
    async def overdue(self, now: datetime, most: int) -> list[str]: ...
    async def record_source(self, run_id: str, source: Source) -> None: ...


class Saga(Protocol[R]):
    """What a kind of run means to its service."""

    def task(self, run: R) -> Message:
        """The message that tells workers of the run."""

    async def dispatched(self, unit: Unit[Any], runs: Sequence[R]) -> None:
        """The runs' tasks were acknowledged, for the first time."""

    async def not_dispatched(self, unit: Unit[Any], run_ids: Sequence[str]) -> None:
        """The runs' tasks did not get through: undo the runs that were not queued yet."""

    async def failed(self, unit: Unit[Any], run_ids: Sequence[str], error: RunError) -> None:
        """The runs end without a result."""

    async def overdue(self, unit: Unit[Any], runs: Sequence[R]) -> None:
        """Deadlines have passed that are not about tasks or leases."""

    async def lease(self, unit: Unit[Any], run: R, seconds: float) -> Lease | None:
        """What a worker gets with its claim; None if what the run is about is gone."""

    def refused(
        self, run_id: str, user_id: str, subject_id: str, now: datetime, traceparent: str
    ) -> R:
        """A run that was refused before its command came."""


class Owner(Generic[R]):
    """Moves runs from dispatch to their end."""

    def __init__(self, saga: Saga[R], settings: WorkSettings, ids: Ids) -> None:
        self._saga = saga
        self._settings = settings
        self._ids = ids

    async def task_acknowledged(self, unit: Unit[RunsPort[R]], tasks: Sequence[Message]) -> None:
        """Kafka has the tasks. Runs that were queued before (a task sent again) do not change."""
        runs = await unit.store.lock_runs([task.key for task in tasks])
        await self._dispatched(unit, list(runs.values()))

    async def _dispatched(self, unit: Unit[RunsPort[R]], runs: Sequence[R]) -> list[R]:
        queued = [
            after for run in runs if (after := run.dispatched(unit.now + self._settings.resend))
        ]
        if queued:
            await unit.store.save_runs(queued)
            await self._saga.dispatched(unit, queued)
        return queued

    async def task_not_acknowledged(
        self, unit: Unit[RunsPort[R]], tasks: Sequence[Message]
    ) -> None:
        """Kafka refused the tasks, or did not acknowledge them in time."""
        await self._saga.not_dispatched(unit, [task.key for task in tasks])

    async def claim(self, unit: Unit[RunsPort[R]], run_id: str, worker: str) -> R | None:
        """Grants the lease on a queued run; None if there is nothing to claim.

        A claim of a run whose dispatch was not confirmed yet proves the dispatch.
        """
        runs = await unit.store.lock_runs([run_id])
        if run_id not in runs:
            return None
        run = runs[run_id]
        if run.state is RunState.DISPATCHING:
            [run] = await self._dispatched(unit, [run])
        claimed = run.claimed(
            token=self._ids(), worker=worker, lease_until=unit.now + self._settings.lease
        )
        if claimed is None:
            return None
        await unit.store.save_runs([claimed])
        log.info(
            "run claimed",
            run_id=run_id,
            trace_id=trace_id(run.traceparent),
            worker=worker,
            attempt=claimed.attempt,
        )
        return claimed

    async def heartbeat(self, unit: Unit[RunsPort[R]], run_id: str, token: str) -> bool:
        """Extends a lease; False if it is lost or the run has ended."""
        return await unit.store.heartbeat(run_id, token, unit.now + self._settings.lease)

    async def answer_again(
        self, unit: Unit[RunsPort[R]], run: R, reply: Reply | None, meta: Meta
    ) -> None:
        """Answers a repeated command as it was decided, at the address in the repeat.

        While the run is undecided (no `reply` yet) the repeat's caller is the one who waits.
        """
        if reply is None:
            await unit.store.save_runs([run.replying_to(meta.reply_to)])
        else:
            unit.reply(reply, to=meta.reply_to, trace=meta.traceparent)

    async def take_findings(
        self,
        unit: Unit[RunsPort[R]],
        batch: Sequence[Received[WorkMessage]],
        on_result: Callable[[Any, R, Any], Awaitable[None]],
    ) -> None:
        """Takes what workers found on leased runs; a message with another token changes nothing.

        `on_result` gets the messages that are the kind of work's own: results.
        """
        messages = [received.message for received in batch]
        ends = not all(isinstance(m, StepStarted | SourceRecorded) for m in messages)
        runs = await unit.store.lock_runs({m.run_id for m in messages}, to_end=ends)
        for message in messages:
            run = runs.get(message.run_id)
            if run is None or not run.leased_by(message.token):
                log.info("stale work message ignored", run_id=message.run_id)
                continue
            match message:
                case StepStarted():
                    runs[run.id] = replace(run, step=message.step)
                    await unit.store.save_runs([runs[run.id]])
                case SourceRecorded():
                    await unit.store.record_source(run.id, message.source)
                case WorkFailed():
                    # The attempt is over: whatever else of it is in the batch is stale.
                    await self._work_failed(unit, runs.pop(run.id), message)
                case _:
                    await on_result(unit, runs.pop(run.id), message)

    async def _work_failed(self, unit: Unit[RunsPort[R]], run: R, message: WorkFailed) -> None:
        error = RunError(message.code, message.message)
        if message.code == HANDED_BACK:
            # A shutdown is not the run's fault: the attempt does not count.
            await self.attempt_lost(unit, replace(run, attempt=run.attempt - 1), error)
        elif message.retryable:
            await self.attempt_lost(unit, run, error)
        else:
            await self._saga.failed(unit, [run.id], error)

    async def attempt_lost(self, unit: Unit[RunsPort[R]], run: R, error: RunError) -> None:
        """Queues the run for another attempt, or fails it when it has had them all."""
        log.warning(
            "attempt lost",
            run_id=run.id,
            trace_id=trace_id(run.traceparent),
            attempt=run.attempt,
            code=error.code,
        )
        requeued = run.requeued(unit.now + self._settings.resend)
        if run.attempt >= self._settings.attempts or requeued is None:
            await self._saga.failed(unit, [run.id], error)
        else:
            await unit.store.save_runs([requeued])
            unit.emit(self._saga.task(requeued), trace=run.traceparent)

    async def reap(self, unit: Unit[RunsPort[R]]) -> int:
        """Acts on runs whose deadline has passed, and answers how many there were."""
        ids = await unit.store.overdue(unit.now, REAP_MOST)
        runs = await unit.store.lock_runs(ids, to_end=True)
        # A heartbeat or a message may have come between the two statements.
        due = [run for run in runs.values() if run.due_at and run.due_at <= unit.now]
        undispatched = [run.id for run in due if run.state is RunState.DISPATCHING]
        queued = [run for run in due if run.state is RunState.QUEUED]
        if undispatched:
            await self._saga.not_dispatched(unit, undispatched)
        for run in due:
            if run.state is RunState.WORKING:
                await self.attempt_lost(unit, run, LEASE_LOST)
        if queued:
            later = [replace(run, due_at=unit.now + self._settings.resend) for run in queued]
            await unit.store.save_runs(later)
            for run in queued:
                unit.emit(self._saga.task(run), trace=run.traceparent)
        await self._saga.overdue(unit, due)
        return len(due)
