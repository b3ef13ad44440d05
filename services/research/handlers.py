"""The service's whole inbound contract: one function per kind of message."""

from collections.abc import Sequence

import structlog

from libs.contracts.credits import (
    Action,
    CreditCharged,
    CreditEvent,
    CreditHeld,
    CreditHoldDeclined,
    CreditHoldRequested,
    CreditRefunded,
    CreditReturnRequested,
    CreditVoided,
)
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import (
    ResearchPersonDeleted,
    ResearchReportProduced,
    ResearchRunRequested,
    ResearchSourceRecorded,
    ResearchStepStarted,
    ResearchWorkFailed,
)
from libs.contracts.work import WorkMessage
from libs.messaging.clock import Ids, new_traceparent
from libs.messaging.router import Received, Route
from libs.messaging.unit import Unit
from libs.work.owner import Owner
from libs.work.settings import WorkSettings
from services.research.domain import Person, ResearchRun, Settlement, begin
from services.research.ports import ResearchStore
from services.research.reports import Reports
from services.research.saga import CANCELLED, DECLINED, ResearchSaga

log = structlog.get_logger()

SETTLEMENT_OF: dict[type[CreditEvent], Settlement] = {
    CreditHeld: Settlement.HELD,
    CreditHoldDeclined: Settlement.DECLINED,
    CreditCharged: Settlement.CHARGED,
    CreditVoided: Settlement.VOIDED,
    CreditRefunded: Settlement.REFUNDED,
}


async def delete_person(
    unit: Unit[ResearchStore], saga: ResearchSaga, ids: Ids, user_id: str, person_id: str
) -> bool:
    """Deletes a person with all that is known of them, and cancels their run; False: not there."""
    found = (await unit.store.lock_people([person_id])).get(person_id)
    if found is None or found.user_id != user_id:
        return False
    if found.active_run_id:
        await saga.end(unit, CANCELLED, [found.active_run_id])
    await unit.store.delete_person(person_id)
    deleted = ResearchPersonDeleted(user_id=user_id, person_id=person_id)
    unit.emit(deleted, trace=new_traceparent(ids))
    return True


class Handlers:
    """Handles batches inside a unit of work."""

    def __init__(
        self,
        saga: ResearchSaga,
        owner: Owner[ResearchRun],
        reports: Reports,
        settings: WorkSettings,
    ) -> None:
        self._saga = saga
        self._owner = owner
        self._reports = reports
        self._settings = settings

    def routes(self) -> list[Route[ResearchStore]]:
        return [
            Route((ResearchRunRequested,), self.run_requested, once_by_key=True),
            Route(tuple(SETTLEMENT_OF), self.credits_answered, once_by_key=True),
            Route(
                (
                    ResearchStepStarted,
                    ResearchSourceRecorded,
                    ResearchReportProduced,
                    ResearchWorkFailed,
                ),
                self.work_reported,
            ),
        ]

    async def run_requested(
        self, unit: Unit[ResearchStore], batch: Sequence[Received[ResearchRunRequested]]
    ) -> None:
        """Starts runs by compare-and-swap on their people; answers repeats as they were decided."""
        people = await unit.store.lock_people({r.message.person_id for r in batch})
        known = await unit.store.lock_runs({r.message.run_id for r in batch})
        starting: dict[str, Received[ResearchRunRequested]] = {}
        for received in batch:
            request = received.message
            if request.run_id in known:
                await self._answer_again(unit, known[request.run_id], received)
            elif request.not_after >= unit.now:
                # Two copies of one request in a batch: the later address is the one that waits.
                starting[request.run_id] = received
        if starting:
            await self._start(unit, list(starting.values()), people)

    async def _answer_again(
        self,
        unit: Unit[ResearchStore],
        run: ResearchRun,
        received: Received[ResearchRunRequested],
    ) -> None:
        request = received.message
        if (run.user_id, run.person_id) != (request.user_id, request.person_id):
            reply: Reply | None = Reply(run_id=run.id, outcome=Outcome.CONFLICT)
        else:
            reply = run.reply()
        await self._owner.answer_again(unit, run, reply, received.meta)

    async def _start(
        self,
        unit: Unit[ResearchStore],
        batch: Sequence[Received[ResearchRunRequested]],
        people: dict[str, Person],
    ) -> None:
        runs: list[ResearchRun] = []
        starting: list[Person] = []
        arriving: list[Person] = []
        deadline = unit.now + self._settings.hold
        for received in batch:
            run, person = begin(
                received.message,
                people.get(received.message.person_id),
                unit.now,
                due_at=deadline,
                traceparent=received.meta.traceparent,
            )
            runs.append(run.replying_to(received.meta.reply_to))
            if person is not None:
                people[person.id] = person
                (arriving if run.creates_person else starting).append(person)
        winners = await unit.store.start_people(starting, unit.now)
        winners |= await unit.store.insert_people(arriving)
        decided = [run if run.id in winners else run.lost(unit.now) for run in runs]
        await unit.store.insert_runs(decided)
        for run in decided:
            if reply := run.reply():
                unit.reply(reply, to=run.reply_to, trace=run.traceparent)
            else:
                hold = CreditHoldRequested(
                    run_id=run.id,
                    account_id=run.user_id,
                    action=Action.DEEP_RESEARCH,
                    not_after=deadline,
                )
                unit.emit(hold, trace=run.traceparent)

    async def credits_answered(
        self, unit: Unit[ResearchStore], batch: Sequence[Received[CreditEvent]]
    ) -> None:
        """Dispatches runs whose price is held, ends those that were declined, stores the rest."""
        declined = {r.message.run_id for r in batch if isinstance(r.message, CreditHoldDeclined)}
        runs = await unit.store.lock_runs({r.message.run_id for r in batch}, to_end=bool(declined))
        changed: dict[str, ResearchRun] = {}
        for received in batch:
            event = received.message
            run = runs.get(event.run_id)
            if run is None:
                log.warning("credits answered for an unknown run", run_id=event.run_id)
                continue
            after = self._credits_of(unit, run, event)
            if after != run:
                runs[run.id] = changed[run.id] = after
        await unit.store.save_runs(list(changed.values()))
        for received in batch:
            event = received.message
            if isinstance(event, CreditHoldDeclined):
                await self._saga.end(
                    unit,
                    DECLINED,
                    [event.run_id],
                    rejected_as=Outcome.PAYMENT_REQUIRED,
                    balance=event.balance,
                    price=event.amount,
                )

    def _credits_of(
        self, unit: Unit[ResearchStore], run: ResearchRun, event: CreditEvent
    ) -> ResearchRun:
        if isinstance(event, CreditHeld):
            granted = run.granted(event.amount, unit.now + self._settings.dispatch)
            if granted is not None:
                unit.emit(self._saga.task(run), trace=run.traceparent)
                return granted
            if not run.open and not run.wants_charge(charge_failed=self._saga.charge_failed):
                # The hold came after the run had ended: nobody will use it.
                returned = CreditReturnRequested(
                    run_id=run.id, account_id=run.user_id, reason=run.state.value
                )
                unit.emit(returned, trace=run.traceparent)
        return run.settled_as(SETTLEMENT_OF[type(event)], charge_failed=self._saga.charge_failed)

    async def work_reported(
        self, unit: Unit[ResearchStore], batch: Sequence[Received[WorkMessage]]
    ) -> None:
        """Takes what workers found."""
        await self._owner.take_findings(unit, batch, self._reports.produced)
