"""What simulated workers find: one page, and drafts that quote it.

Each result names the token of its lease, so that one of another lease shows wherever it ends up.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from libs.contracts.context import (
    CompanySection,
    ContextDraft,
    ContextDraftProduced,
    Evidence,
    MarketSection,
    Sections,
)
from libs.contracts.research import Claim, ReportDraft, ResearchReportProduced
from libs.contracts.sources import Source, SourceStatus, content_hash, source_id
from libs.contracts.work import Lease, WorkMessage


def _page(url: str, text: str) -> Source:
    return Source(
        id=source_id(url),
        url=url,
        status=SourceStatus.READ,
        fetched_at=datetime(2026, 3, 1, tzinfo=UTC),
        via="http",
        text=text,
        content_hash=content_hash(text),
    )


PAGES = (
    _page("https://example.com/about", "Example makes bolts. Jane Doe leads sales at Example."),
    _page("https://example.com/team", "Jane Doe joined Example from a shipyard in 2016."),
)
QUOTES = ("Jane Doe leads sales at Example.", "Jane Doe joined Example from a shipyard")
OVERVIEW, AUDIENCE = "Example makes bolts.", "Jane Doe leads sales at Example."


NOTHING_READ = "nothing_read"
"""The code of a failure whose message is the token of its lease."""


def generator_of(token: str | None) -> str:
    """The generator that a result names: that of a lease."""
    return f"simulated {token}"


@dataclass(frozen=True, slots=True)
class Findings:
    """The results that a worker may come to."""

    sourced: tuple[Source, ...]
    invented: bool = False
    """Whether its quotes stand nowhere."""
    partial: bool = False
    """Whether it found only the first field of a context."""


def report(lease: Lease, found: Findings) -> WorkMessage:
    claims = tuple(
        Claim(
            text=quote,
            source_id=source.id,
            quote="Nobody ever wrote this sentence." if found.invented else quote,
            field="background",
        )
        for source, quote in zip(found.sourced, QUOTES, strict=False)
    )
    draft = ReportDraft(
        generator=generator_of(lease.token),
        summary="",
        background=" ".join(claim.text for claim in claims),
        company_intel="",
        claims=claims,
    )
    return ResearchReportProduced(
        run_id=lease.run_id,
        token=lease.token,
        draft=draft,
        source_ids=tuple(source.id for source in found.sourced),
    )


def context(lease: Lease, found: Findings) -> WorkMessage:
    page = found.sourced[0]
    texts = {"company.overview": OVERVIEW}
    if not found.partial:
        texts["market.targetAudience"] = AUDIENCE
    quotes = {
        path: (
            Evidence(
                source_id=page.id,
                url=page.url,
                quote="Nobody ever wrote this sentence." if found.invented else text,
            ),
        )
        for path, text in texts.items()
    }
    draft = ContextDraft(
        generator=generator_of(lease.token),
        sections=Sections(
            company=CompanySection(overview=OVERVIEW),
            market=MarketSection(target_audience=texts.get("market.targetAudience")),
        ),
        evidence=quotes,
    )
    return ContextDraftProduced(
        run_id=lease.run_id,
        token=lease.token,
        draft=draft,
        source_ids=tuple(source.id for source in found.sourced),
    )
