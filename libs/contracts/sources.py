"""A source: one page that a run tried to read, and what came of it."""

import hashlib
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from libs.contracts.envelope import Frozen

SNAPSHOT_LIMIT_BYTES = 256 * 1024
"""Longest stored text of one source, so that a source fits one Kafka message."""


class SourceStatus(StrEnum):
    """How the attempt to read a page ended. Only `read` and `not_modified` carry text."""

    READ = "read"
    NOT_MODIFIED = "not_modified"
    BLOCKED = "blocked"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"


class PageMetadata(Frozen):
    """What a page says of itself in its head: used for ranking, never as evidence by itself."""

    title: str | None = None
    description: str | None = None
    site_name: str | None = None
    language: str | None = None
    published: str | None = None
    headings: tuple[str, ...] = ()
    open_graph: dict[str, str] = Field(default_factory=dict)
    json_ld: tuple[dict[str, Any], ...] = ()


class Source(Frozen):
    """One page. `text` is the snapshot that quotes are checked against.

    The snapshot opens with what the page states in its head, one fact a line
    (`title: …`, `description: …`, `Organization.foundingDate: 2016`), then the
    body as Markdown. `content_hash` is the hex SHA-256 of `text`.
    """

    id: str
    url: str
    status: SourceStatus
    reason: str | None = None
    fetched_at: AwareDatetime
    via: str | None = None
    """Which tier read it: `http` or `browser`."""
    text: str = ""
    content_hash: str | None = None
    metadata: PageMetadata = PageMetadata()

    @property
    def was_read(self) -> bool:
        return self.status in (SourceStatus.READ, SourceStatus.NOT_MODIFIED)


def source_id(url: str) -> str:
    """The id of a URL within a run: stable, so that a repeated page is one source."""
    return "src_" + hashlib.sha256(url.encode()).hexdigest()[:16]


def content_hash(text: str) -> str:
    """The hex SHA-256 of a snapshot's text."""
    return hashlib.sha256(text.encode()).hexdigest()
