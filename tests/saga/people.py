"""Shortcuts of the saga tests: people, workers, results."""

from datetime import UTC, datetime

from libs.contracts.context import (
    CompanySection,
    ContextDraft,
    ContextDraftProduced,
    ContextSourceRecorded,
    Evidence,
    Sections,
)
from libs.contracts.gateway import Outcome
from libs.contracts.research import (
    Claim,
    NewPerson,
    ReportDraft,
    ResearchReportProduced,
    ResearchSourceRecorded,
    ResearchWorkFailed,
)
from libs.contracts.sources import Source, SourceStatus, content_hash, source_id
from libs.contracts.work import WorkMessage
from libs.messaging.bus import Envelope
from libs.messaging.clock import new_traceparent
from tests.saga.world import World

USER = "usr_ada"
URL = "https://example.com/about"
TEXT = "title: About\n\nExample makes bolts. Jane Doe leads the sales team at Example."


async def add_person(world: World, user_id: str = USER, name: str = "Jane") -> tuple[str, str]:
    """A person with a run that was accepted; answers both ids."""
    person_id = f"person-{world.ids()}"
    new = NewPerson(first_name=name, last_name="Doe", company="Example")
    request = world.run_request(user_id, person_id, new=new)
    reply = await world.ask(request)
    assert reply.outcome is Outcome.ACCEPTED
    return person_id, request.run_id


async def idle_person(world: World, user_id: str = USER) -> str:
    """A person whose run was cancelled by time: failed, and so free to run again."""
    person_id, run_id = await add_person(world, user_id)
    token = await claim(world, run_id)
    await report(world, failure(run_id, token))
    return person_id


async def claim(world: World, run_id: str) -> str:
    """A worker claims a run; answers its token."""
    async with world.research_units.begin() as unit:
        run = await world.research.owner.claim(unit, run_id, "worker-1")
    assert run is not None and run.token is not None
    return run.token


async def claim_context(world: World, run_id: str) -> str:
    async with world.context_units.begin() as unit:
        run = await world.context.owner.claim(unit, run_id, "worker-1")
    assert run is not None and run.token is not None
    return run.token


async def report(world: World, *messages: WorkMessage) -> None:
    """A worker sends messages."""
    envelope = Envelope(source="/worker", ids=world.ids)
    trace = new_traceparent(world.ids)
    await world.bus.publish([envelope.wrap(m, now=world.now, trace=trace) for m in messages])
    await world.run_until_quiet()


def page(url: str = URL, text: str = TEXT) -> Source:
    return Source(
        id=source_id(url),
        url=url,
        status=SourceStatus.READ,
        fetched_at=datetime(2026, 3, 1, tzinfo=UTC),
        via="http",
        text=text,
        content_hash=content_hash(text),
    )


def findings(run_id: str, token: str, *quotes: str) -> list[WorkMessage]:
    """A page, and a report whose claims quote it."""
    claims = tuple(
        Claim(text=quote, source_id=source_id(URL), quote=quote, field="background")
        for quote in quotes or ("Jane Doe leads the sales team at Example.",)
    )
    draft = ReportDraft(
        generator="test",
        summary="",
        background=" ".join(claim.text for claim in claims),
        company_intel="",
        claims=claims,
    )
    return [
        ResearchSourceRecorded(run_id=run_id, token=token, source=page()),
        ResearchReportProduced(
            run_id=run_id, token=token, draft=draft, source_ids=(source_id(URL),)
        ),
    ]


def context_findings(run_id: str, token: str, quote: str) -> list[WorkMessage]:
    """A page, and a context whose overview quotes it."""
    evidence = Evidence(source_id=source_id(URL), url=URL, quote=quote)
    draft = ContextDraft(
        generator="test",
        sections=Sections(company=CompanySection(overview=quote)),
        evidence={"company.overview": (evidence,)},
    )
    return [
        ContextSourceRecorded(run_id=run_id, token=token, source=page()),
        ContextDraftProduced(run_id=run_id, token=token, draft=draft, source_ids=(source_id(URL),)),
    ]


def failure(run_id: str, token: str, *, retryable: bool = False) -> ResearchWorkFailed:
    return ResearchWorkFailed(
        run_id=run_id, token=token, code="nothing_read", message="No page.", retryable=retryable
    )
