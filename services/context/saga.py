"""The regeneration saga: how a run ends from each state, and what that does to the profile.

| ending         | from            | to          | the profile                                    |
| -------------- | --------------- | ----------- | ---------------------------------------------- |
| not dispatched | dispatching     | rolled_back | stamp and free text go back, if still this     |
|                |                 |             | run's; a profile that it created goes again    |
| completed      | working         | complete    | gets what was found                            |
| failed         | queued, working | failed      | keeps the free text, the slot is given back    |
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from libs.contracts.context import (
    ContextJob,
    ContextLease,
    ContextRegenerateFailed,
    ContextRegenerateRolledBack,
    ContextRegenerateStarted,
    ContextTask,
)
from libs.contracts.envelope import Message
from libs.contracts.gateway import Outcome
from libs.contracts.work import Lease
from libs.messaging.clock import trace_id
from libs.messaging.unit import Unit
from libs.work.run import RunError, RunState
from services.context.domain import ContextRun, Profile, returned_slot, undone
from services.context.ports import ContextStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ending:
    """A row of the table above. `profile` answers None for a profile that goes."""

    name: str
    states: Collection[RunState]
    to: RunState
    profile: Callable[[Profile, ContextRun, datetime], Profile | None]


NOT_DISPATCHED = Ending("not dispatched", {RunState.DISPATCHING}, RunState.ROLLED_BACK, undone)
COMPLETED = Ending(
    "completed", {RunState.WORKING}, RunState.COMPLETE, lambda profile, _run, _now: profile
)
FAILED = Ending("failed", {RunState.QUEUED, RunState.WORKING}, RunState.FAILED, returned_slot)


class ContextSaga:
    """Ends runs by the table, and says what dispatch means for a regeneration."""

    def task(self, run: ContextRun) -> Message:
        return ContextTask(run_id=run.id)

    async def dispatched(self, unit: Unit[ContextStore], runs: Sequence[ContextRun]) -> None:
        """The runs are queued: the callers are answered."""
        for run in runs:
            assert run.stamp is not None
            started = ContextRegenerateStarted(
                run_id=run.id, user_id=run.user_id, regenerated_at=run.stamp
            )
            unit.emit(started, trace=run.traceparent)
            if reply := run.reply():
                unit.reply(reply, to=run.reply_to, trace=run.traceparent)

    async def not_dispatched(self, unit: Unit[ContextStore], run_ids: Sequence[str]) -> None:
        undone_runs = await self.end(unit, NOT_DISPATCHED, run_ids)
        await unit.outbox.withdraw(ContextTask.type_name(), [run.id for run in undone_runs])

    async def failed(
        self, unit: Unit[ContextStore], run_ids: Sequence[str], error: RunError
    ) -> None:
        await self.end(unit, FAILED, run_ids, error)

    async def overdue(self, unit: Unit[ContextStore], runs: Sequence[ContextRun]) -> None:
        """A regeneration has no deadlines besides those of tasks and leases."""

    async def lease(
        self, unit: Unit[ContextStore], run: ContextRun, seconds: float
    ) -> Lease | None:
        if run.token is None:
            return None
        return ContextLease(
            run_id=run.id,
            token=run.token,
            attempt=run.attempt,
            lease_seconds=seconds,
            traceparent=run.traceparent,
            job=ContextJob(
                website=run.website,
                linkedin_url=run.linkedin_url,
                company_linkedin_url=run.company_linkedin_url,
                freeform_context=run.freeform,
            ),
        )

    def refused(
        self, run_id: str, user_id: str, subject_id: str, now: datetime, traceparent: str
    ) -> ContextRun:
        return ContextRun(
            id=run_id,
            user_id=user_id,
            state=RunState.REJECTED,
            rejected_as=Outcome.UNAVAILABLE,
            created_at=now,
            ended_at=now,
            traceparent=traceparent,
        )

    async def end(
        self,
        unit: Unit[ContextStore],
        ending: Ending,
        run_ids: Collection[str],
        error: RunError | None = None,
    ) -> list[ContextRun]:
        """Ends those of the runs that the ending applies to, and answers them."""
        locked = await unit.store.lock_runs(run_ids, to_end=True)
        ended = [
            after
            for run in locked.values()
            if run.state in ending.states
            and (after := run.ended(ending.to, unit.now, error=error)) is not None
        ]
        profiles = await unit.store.lock_profiles({run.user_id for run in ended})
        await unit.store.save_runs(ended)
        for run in ended:
            if profile := profiles.get(run.user_id):
                await self._save(unit, profile, ending.profile(profile, run, unit.now))
            log.info(
                "run ended",
                run_id=run.id,
                trace_id=trace_id(run.traceparent),
                ending=ending.name,
                code=run.error_code,
            )
            self._announce(unit, ending, run)
        return ended

    async def _save(self, unit: Unit[ContextStore], before: Profile, after: Profile | None) -> None:
        if after is None:
            await unit.store.delete_profile(before.user_id)
        elif after != before:
            await unit.store.save_profile(after)

    def _announce(self, unit: Unit[ContextStore], ending: Ending, run: ContextRun) -> None:
        if ending is FAILED:
            failed = ContextRegenerateFailed(
                run_id=run.id,
                user_id=run.user_id,
                code=run.error_code or "",
            )
            unit.emit(failed, trace=run.traceparent)
        if ending is NOT_DISPATCHED:
            undone_event = ContextRegenerateRolledBack(run_id=run.id, user_id=run.user_id)
            unit.emit(undone_event, trace=run.traceparent)
            if reply := run.reply():
                unit.reply(reply, to=run.reply_to, trace=run.traceparent)
