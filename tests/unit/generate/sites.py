"""Crawled sites for tests: every folder of `snapshots/` is one, every file a page."""

from datetime import UTC, datetime
from pathlib import Path

from libs.contracts.context import ContextJob
from libs.contracts.research import ResearchJob
from libs.contracts.sources import PageMetadata, Source, SourceStatus, content_hash, source_id

SNAPSHOTS = Path(__file__).parent / "snapshots"
READ_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def page(url: str, text: str, json_ld: tuple[dict[str, object], ...] = ()) -> Source:
    """A page that was read; its metadata is what the head of the text says."""
    head = dict(line.split(": ", 1) for line in text.split("\n\n")[0].splitlines() if ": " in line)
    metadata = PageMetadata(
        title=head.get("title"),
        description=head.get("description"),
        site_name=head.get("og:site_name"),
        json_ld=json_ld,
    )
    return Source(
        id=source_id(url),
        url=url,
        status=SourceStatus.READ,
        fetched_at=READ_AT,
        text=text,
        content_hash=content_hash(text),
        metadata=metadata,
    )


def site(name: str) -> tuple[Source, ...]:
    """All pages of a bundled site."""
    return tuple(
        page(f"https://{name}/{'' if file.stem == 'index' else file.stem}", file.read_text())
        for file in sorted((SNAPSHOTS / name).glob("*.md"))
    )


def texts(sources: tuple[Source, ...]) -> dict[str, str]:
    """What the owner of a run has stored of them."""
    return {source.id: source.text for source in sources}


def context_job(
    website: str | None = None, linkedin: str | None = None, freeform: str | None = None
) -> ContextJob:
    return ContextJob(
        website=website, linkedin_url=linkedin, company_linkedin_url=None, freeform_context=freeform
    )


def research_job(
    name: str, company: str | None, website: str | None, linkedin: str | None = None
) -> ResearchJob:
    first, last = name.split(" ", 1)
    return ResearchJob(
        linkedin_url=linkedin,
        first_name=first,
        last_name=last,
        role=None,
        company=company,
        company_website=website,
    )
