"""The service's whole inbound contract: one function per kind of message."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from libs.contracts.context import (
    ContextDraftProduced,
    ContextRegenerated,
    ContextRegenerateRequested,
    ContextSourceRecorded,
    ContextStepStarted,
    ContextWorkFailed,
)
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.work import WorkMessage
from libs.generate.evidence import FREEFORM_SOURCE_ID, verify_context
from libs.messaging.clock import trace_id
from libs.messaging.router import Received, Route
from libs.messaging.unit import Unit
from libs.work.owner import SOURCES_MISSING, Owner
from libs.work.run import RunError
from libs.work.settings import WorkSettings
from services.context.domain import ContextRun, begin, merged
from services.context.ports import ContextStore
from services.context.saga import COMPLETED, ContextSaga

log = structlog.get_logger()

NO_EVIDENCE = RunError(
    "no_evidence", "The pages that could be read say nothing that a context can quote."
)


class Handlers:
    """Handles batches inside a unit of work."""

    def __init__(
        self,
        saga: ContextSaga,
        owner: Owner[ContextRun],
        settings: WorkSettings,
        window: timedelta,
    ) -> None:
        self._saga = saga
        self._owner = owner
        self._settings = settings
        self._window = window

    def routes(self) -> list[Route[ContextStore]]:
        return [
            Route((ContextRegenerateRequested,), self.regenerate_requested, once_by_key=True),
            Route(
                (
                    ContextStepStarted,
                    ContextSourceRecorded,
                    ContextDraftProduced,
                    ContextWorkFailed,
                ),
                self.work_reported,
            ),
        ]

    async def regenerate_requested(
        self, unit: Unit[ContextStore], batch: Sequence[Received[ContextRegenerateRequested]]
    ) -> None:
        """Starts regenerations whose user has a free slot; answers repeats as decided."""
        users = {r.message.user_id for r in batch}
        await unit.store.lock_users(users)
        profiles = await unit.store.lock_profiles(users)
        known = await unit.store.lock_runs({r.message.run_id for r in batch})
        for received in sorted(batch, key=lambda r: r.message.user_id):
            request = received.message
            if request.run_id in known:
                await self._answer_again(unit, known[request.run_id], received)
            elif request.not_after >= unit.now:
                run, profile = begin(
                    request,
                    profiles.get(request.user_id),
                    unit.now,
                    window=self._window,
                    due_at=unit.now + self._settings.dispatch,
                    traceparent=received.meta.traceparent,
                )
                run = run.replying_to(received.meta.reply_to)
                if profile is not None:
                    if await unit.store.take_slot(profile, unit.now, self._window):
                        profiles[profile.user_id] = profile
                    else:
                        run = run.lost(unit.now)
                known[run.id] = run
                await unit.store.insert_runs([run])
                if reply := run.reply():
                    unit.reply(reply, to=run.reply_to, trace=run.traceparent)
                else:
                    unit.emit(self._saga.task(run), trace=run.traceparent)

    async def _answer_again(
        self,
        unit: Unit[ContextStore],
        run: ContextRun,
        received: Received[ContextRegenerateRequested],
    ) -> None:
        if run.user_id != received.message.user_id:
            reply: Reply | None = Reply(run_id=run.id, outcome=Outcome.CONFLICT)
        else:
            reply = run.reply()
        await self._owner.answer_again(unit, run, reply, received.meta)

    async def work_reported(
        self, unit: Unit[ContextStore], batch: Sequence[Received[WorkMessage]]
    ) -> None:
        """Takes what workers found."""
        await self._owner.take_findings(unit, batch, self._draft_produced)

    async def _draft_produced(
        self, unit: Unit[ContextStore], run: ContextRun, message: ContextDraftProduced
    ) -> None:
        """Writes the draft's fields, as far as their quotes stand in the sources they name."""
        texts = await unit.store.source_texts(run.id)
        if not set(message.source_ids) <= texts.keys():
            await self._owner.attempt_lost(unit, run, SOURCES_MISSING)
            return
        own_words = {FREEFORM_SOURCE_ID: run.freeform or ""}
        verified = verify_context(message.draft, texts | own_words)
        log.info(
            "draft checked",
            run_id=run.id,
            trace_id=trace_id(run.traceparent),
            fields=len(verified.draft.evidence),
            dropped=verified.dropped,
        )
        if not verified.draft.evidence:
            await self._saga.failed(unit, [run.id], NO_EVIDENCE)
            return
        profiles = await unit.store.lock_profiles({run.user_id})
        if profile := profiles.get(run.user_id):
            after, changed = merged(profile, verified.draft, run, unit.now)
            await unit.store.save_profile(after)
            regenerated = ContextRegenerated(
                run_id=run.id, user_id=run.user_id, changed_fields=changed
            )
            unit.emit(regenerated, trace=run.traceparent)
        await self._saga.end(unit, COMPLETED, [run.id])
