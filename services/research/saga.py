"""The run saga: how a run ends from each state, and what that undoes.

| ending         | from            | to          | person becomes              | credits |
| -------------- | --------------- | ----------- | --------------------------- | ------- |
| declined       | holding         | rejected    | what they were before       | keep    |
| given up       | holding         | rolled_back | what they were before       | return  |
| not dispatched | dispatching     | rolled_back | idle, or complete if before | return  |
| completed      | working         | complete    | complete                    | keep    |
| failed         | queued, working | failed      | failed                      | return  |
| cancelled      | any open state  | cancelled   | what they were before       | return  |

A person that came with a declined or rolled-back run goes again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from libs.contracts.credits import CreditCaptureRequested, CreditReturnRequested
from libs.contracts.envelope import Message
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import (
    ResearchJob,
    ResearchLease,
    ResearchRunCancelled,
    ResearchRunFailed,
    ResearchRunRolledBack,
    ResearchRunStarted,
    ResearchTask,
)
from libs.contracts.work import Lease
from libs.messaging.clock import trace_id
from libs.messaging.unit import Unit
from libs.work.run import OPEN, RunError, RunState
from libs.work.settings import WorkSettings
from services.research.domain import PersonStatus, ResearchRun
from services.research.ports import PersonAfter, ResearchStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ending:
    """A row of the table above. `person` answers None for a person that goes."""

    name: str
    states: Collection[RunState]
    to: RunState
    person: Callable[[ResearchRun], PersonStatus | None]
    returns_credit: bool


def _before(run: ResearchRun) -> PersonStatus | None:
    return None if run.creates_person else run.prior_status


def _reset(run: ResearchRun) -> PersonStatus | None:
    if run.creates_person:
        return None
    was_complete = run.prior_status is PersonStatus.COMPLETE
    return PersonStatus.COMPLETE if was_complete else PersonStatus.IDLE


DECLINED = Ending("declined", {RunState.HOLDING}, RunState.REJECTED, _before, False)
GIVEN_UP = Ending("given up", {RunState.HOLDING}, RunState.ROLLED_BACK, _before, True)
NOT_DISPATCHED = Ending(
    "not dispatched", {RunState.DISPATCHING}, RunState.ROLLED_BACK, _reset, True
)
COMPLETED = Ending(
    "completed", {RunState.WORKING}, RunState.COMPLETE, lambda _: PersonStatus.COMPLETE, False
)
FAILED = Ending(
    "failed",
    {RunState.QUEUED, RunState.WORKING},
    RunState.FAILED,
    lambda _: PersonStatus.FAILED,
    True,
)
CANCELLED = Ending("cancelled", OPEN, RunState.CANCELLED, lambda run: run.prior_status, True)


class ResearchSaga:
    """Ends runs by the table, and says what dispatch and deadlines mean for a research run."""

    def __init__(self, settings: WorkSettings, *, charge_failed: bool) -> None:
        self._settings = settings
        self.charge_failed = charge_failed

    def task(self, run: ResearchRun) -> Message:
        return ResearchTask(run_id=run.id)

    async def dispatched(self, unit: Unit[ResearchStore], runs: Sequence[ResearchRun]) -> None:
        """The runs are queued: only now they cost something, and the caller is answered.

        The answer to a request that brought a person shows them, so that no second
        question is needed that might fail.
        """
        arrived = await unit.store.people({run.person_id for run in runs if run.creates_person})
        for run in runs:
            person = arrived.get(run.person_id)
            unit.emit(
                CreditCaptureRequested(run_id=run.id, account_id=run.user_id),
                trace=run.traceparent,
            )
            unit.emit(
                ResearchRunStarted(run_id=run.id, user_id=run.user_id, person_id=run.person_id),
                trace=run.traceparent,
            )
            shown = person.shown() if person else None
            unit.reply(
                Reply(run_id=run.id, outcome=Outcome.ACCEPTED, person=shown),
                to=run.reply_to,
                trace=run.traceparent,
            )

    async def not_dispatched(self, unit: Unit[ResearchStore], run_ids: Sequence[str]) -> None:
        undone = await self.end(unit, NOT_DISPATCHED, run_ids)
        await unit.outbox.withdraw(ResearchTask.type_name(), [run.id for run in undone])

    async def failed(
        self, unit: Unit[ResearchStore], run_ids: Sequence[str], error: RunError
    ) -> None:
        await self.end(unit, FAILED, run_ids, error)

    async def lease(
        self, unit: Unit[ResearchStore], run: ResearchRun, seconds: float
    ) -> Lease | None:
        person = (await unit.store.people([run.person_id])).get(run.person_id)
        if person is None or run.token is None:
            return None
        return ResearchLease(
            run_id=run.id,
            token=run.token,
            attempt=run.attempt,
            lease_seconds=seconds,
            traceparent=run.traceparent,
            job=ResearchJob(
                linkedin_url=person.linkedin_url,
                first_name=person.first_name,
                last_name=person.last_name,
                role=person.role,
                company=person.company,
                company_website=person.company_website,
            ),
        )

    def refused(
        self, run_id: str, user_id: str, subject_id: str, now: datetime, traceparent: str
    ) -> ResearchRun:
        return ResearchRun(
            id=run_id,
            user_id=user_id,
            person_id=subject_id,
            state=RunState.REJECTED,
            rejected_as=Outcome.UNAVAILABLE,
            created_at=now,
            ended_at=now,
            traceparent=traceparent,
        )

    async def end(
        self,
        unit: Unit[ResearchStore],
        ending: Ending,
        run_ids: Collection[str],
        error: RunError | None = None,
        **changes: object,
    ) -> list[ResearchRun]:
        """Ends those of the runs that the ending applies to, and answers them.

        `changes` are further fields of a run that its end sets.
        """
        locked = await unit.store.lock_runs(run_ids, to_end=True)
        ended: list[ResearchRun] = []
        for run in locked.values():
            after = run.ended(
                ending.to, unit.now, due_at=unit.now + self._settings.resend, error=error
            )
            if after is not None and run.state in ending.states:
                changed: ResearchRun = replace(after, **changes)  # type: ignore[arg-type]
                settled = changed.is_settled(charge_failed=self.charge_failed)
                ended.append(replace(changed, due_at=None) if settled else changed)
        await unit.store.save_runs(ended)
        await unit.store.release_people(
            [PersonAfter(run.person_id, run.id, ending.person(run)) for run in ended], unit.now
        )
        for run in ended:
            self._announce(unit, ending, run)
        return ended

    def _announce(self, unit: Unit[ResearchStore], ending: Ending, run: ResearchRun) -> None:
        log.info(
            "run ended",
            run_id=run.id,
            trace_id=trace_id(run.traceparent),
            ending=ending.name,
            code=run.error_code,
        )
        if ending.returns_credit and not run.wants_charge(charge_failed=self.charge_failed):
            self._ask_return(unit, run)
        event = _event(ending, run)
        if event is not None:
            unit.emit(event, trace=run.traceparent)
        reply = run.reply()
        # A cancelled run may not have been answered yet either: nobody shall wait in vain.
        if ending in (DECLINED, GIVEN_UP, NOT_DISPATCHED, CANCELLED) and reply is not None:
            unit.reply(reply, to=run.reply_to, trace=run.traceparent)

    def _ask_return(self, unit: Unit[ResearchStore], run: ResearchRun) -> None:
        unit.emit(
            CreditReturnRequested(
                run_id=run.id, account_id=run.user_id, reason=run.error_code or run.state.value
            ),
            trace=run.traceparent,
        )

    async def overdue(self, unit: Unit[ResearchStore], runs: Sequence[ResearchRun]) -> None:
        """Gives up holds that were not answered, and asks again for missing settlements."""
        unanswered = [run.id for run in runs if run.state is RunState.HOLDING]
        if unanswered:
            await self.end(unit, GIVEN_UP, unanswered)
        unsettled = [run for run in runs if not run.open]
        later = [replace(run, due_at=unit.now + self._settings.resend) for run in unsettled]
        await unit.store.save_runs(later)
        for run in runs:
            if run.state is RunState.QUEUED or not run.open:
                self._ask_settlement(unit, run)

    def _ask_settlement(self, unit: Unit[ResearchStore], run: ResearchRun) -> None:
        """Sends again the credit command whose answer a queued or ended run lacks."""
        if run.is_settled(charge_failed=self.charge_failed):
            return
        if run.wants_charge(charge_failed=self.charge_failed):
            unit.emit(
                CreditCaptureRequested(run_id=run.id, account_id=run.user_id),
                trace=run.traceparent,
            )
        else:
            self._ask_return(unit, run)


def _event(ending: Ending, run: ResearchRun) -> Message | None:
    of_run = {"run_id": run.id, "user_id": run.user_id, "person_id": run.person_id}
    if ending is FAILED:
        return ResearchRunFailed(**of_run, code=run.error_code or "")
    if ending is CANCELLED:
        return ResearchRunCancelled(**of_run)
    if ending in (GIVEN_UP, NOT_DISPATCHED):
        return ResearchRunRolledBack(**of_run)
    return None
