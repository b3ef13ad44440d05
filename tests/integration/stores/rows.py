"""Rows of every kind, as short as tests can say them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.contracts.research import Claim, ReportContent, ReportSource
from libs.contracts.sources import PageMetadata, Source, SourceStatus, content_hash
from libs.messaging.bus import Outgoing
from libs.work.run import RunState
from services.context.domain import ContextRun, Profile
from services.credits.domain import GRANTS, EntryKind, Transfer
from services.research.domain import Person, PersonStatus, ResearchRun
from tests.support.memory import TRACE

NOW = datetime(2026, 4, 22, 10, 15, 30, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A time some seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


def transfer(id_: str, destination: str = "ada", *, source: str = GRANTS) -> Transfer:
    return Transfer(id_, source, destination, 5, EntryKind.GRANT, None, None, 5)


def person(id_: str = "person", run: str | None = None, **changes: Any) -> Person:
    """A person of Ada's; running if a run has them."""
    plain = Person(
        id=id_,
        user_id="ada",
        status=PersonStatus.RUNNING if run else PersonStatus.IDLE,
        active_run_id=run,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(plain, **changes)


def research_run(id_: str, subject: str = "person", **changes: Any) -> ResearchRun:
    """A run on a person, that has ended unless it is told otherwise."""
    plain = ResearchRun(
        id=id_,
        user_id="ada",
        person_id=subject,
        state=RunState.COMPLETE,
        created_at=NOW,
        traceparent=TRACE,
    )
    return replace(plain, **changes)


def context_run(id_: str, subject: str = "ada", **changes: Any) -> ContextRun:
    """A regeneration, that has ended unless it is told otherwise."""
    plain = ContextRun(
        id=id_, user_id=subject, state=RunState.COMPLETE, created_at=NOW, traceparent=TRACE
    )
    return replace(plain, **changes)


def profile(user_id: str = "ada", **changes: Any) -> Profile:
    return replace(Profile(user_id=user_id, updated_at=NOW), **changes)


def source(id_: str, text: str = "The text.", **changes: Any) -> Source:
    plain = Source(
        id=id_,
        url=f"https://example.com/{id_}",
        status=SourceStatus.READ,
        fetched_at=NOW,
        via="http",
        text=text,
        content_hash=content_hash(text),
        metadata=PageMetadata(title=f"The title of {id_}"),
    )
    return plain.model_copy(update=changes)


def report(summary: str = "What is known.") -> ReportContent:
    listed = source("src_1")
    return ReportContent(
        generator="offline",
        summary=summary,
        background="Ünïcode “quotes” and\nlines.",
        company_intel="",
        outreach_angles=("one", "two"),
        claims=(Claim(text="It is so.", source_id="src_1", quote="so", field="summary"),),
        sources=(
            ReportSource(
                id=listed.id,
                url=listed.url,
                status=listed.status,
                reason=None,
                content_hash=listed.content_hash,
                fetched_at=listed.fetched_at,
            ),
        ),
    )


def message(id_: str, key: str = "run_1", *, type_: str = "Task", s: float = 0.0) -> Outgoing:
    """A message that was made `s` seconds after NOW."""
    return Outgoing(
        id=id_,
        type=type_,
        topic="research.tasks.v1",
        key=key,
        headers={"ce_id": id_, "ce_source": "/tëst"},
        value=b'{"run_id": "run_1"}',
        created_at=at(s),
    )
