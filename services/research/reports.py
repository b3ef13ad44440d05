"""From a worker's draft to a stored report: every quote checked, versions without gaps."""

import structlog

from libs.contracts.research import (
    Claim,
    ReportContent,
    ReportSource,
    ResearchReportProduced,
    ResearchRunCompleted,
)
from libs.generate.evidence import verify_report
from libs.messaging.clock import trace_id
from libs.messaging.unit import Unit
from libs.work.owner import SOURCES_MISSING, Owner
from libs.work.run import RunError
from services.research.domain import ResearchRun
from services.research.ports import ResearchStore
from services.research.saga import COMPLETED, ResearchSaga

log = structlog.get_logger()

NO_EVIDENCE = RunError(
    "no_evidence", "No page that could be read says anything that can be quoted about this person."
)


class Reports:
    """Turns drafts into reports."""

    def __init__(self, saga: ResearchSaga, owner: Owner[ResearchRun]) -> None:
        self._saga = saga
        self._owner = owner

    async def produced(
        self, unit: Unit[ResearchStore], run: ResearchRun, message: ResearchReportProduced
    ) -> None:
        """Stores the draft's report and completes its run.

        Without all the sources that the draft rests on the attempt is lost; without
        a claim whose quote stands in its source the run fails, and is not paid for.
        """
        sources = await unit.store.sources(run.id)
        if not set(message.source_ids) <= {source["id"] for source in sources}:
            await self._owner.attempt_lost(unit, run, SOURCES_MISSING)
            return
        verified = verify_report(message.draft, await unit.store.source_texts(run.id))
        log.info(
            "draft checked",
            run_id=run.id,
            trace_id=trace_id(run.traceparent),
            claims=len(verified.draft.claims),
            dropped=verified.dropped,
        )
        if not verified.draft.claims:
            await self._saga.failed(unit, [run.id], NO_EVIDENCE)
            return
        draft = verified.draft
        content = ReportContent(
            generator=draft.generator,
            summary=draft.summary,
            background=draft.background,
            company_intel=draft.company_intel,
            outreach_angles=draft.outreach_angles,
            claims=draft.claims,
            sources=tuple(
                ReportSource.model_validate(source)
                for source in sources
                if source["id"] in message.source_ids
            ),
        )
        newest = await unit.store.newest_report(run.person_id)
        version = newest[0] + 1 if newest else 1
        changes = change_summary(newest[1].claims, draft.claims) if newest else None
        await unit.store.insert_report(run, version, content, changes, unit.now)
        await unit.store.enrich_person(run.person_id, draft.role, unit.now)
        await self._saga.end(unit, COMPLETED, [run.id], report_version=version)
        unit.emit(
            ResearchRunCompleted(
                run_id=run.id,
                user_id=run.user_id,
                person_id=run.person_id,
                report_version=version,
            ),
            trace=run.traceparent,
        )


def change_summary(old: tuple[Claim, ...], new: tuple[Claim, ...]) -> str:
    """What a new report says that the last one did not, and the reverse, in a sentence or two."""
    before = {claim.text for claim in old}
    after = {claim.text for claim in new}
    added = [claim.text for claim in new if claim.text not in before]
    removed = [claim.text for claim in old if claim.text not in after]
    if not added and not removed:
        return f"No change: all {len(after)} claims were found again."
    parts = []
    if added:
        parts.append(f"{len(added)} new: {' · '.join(added)}")
    if removed:
        parts.append(f"{len(removed)} no longer found: {' · '.join(removed)}")
    return ". ".join(parts)
