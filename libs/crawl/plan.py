"""What to crawl: where to start, how far to go, what to look for."""

from enum import StrEnum

from pydantic import Field

from libs.contracts.envelope import Frozen


class Focus(StrEnum):
    """What the crawl is for; decides which links are worth a page."""

    CONTEXT = "context"
    """A company: about, product, pricing, customers, team."""
    PERSON = "person"
    """A person: pages that name them, then team, authors, news."""


class CrawlPlan(Frozen):
    """One crawl.

    Every start URL is tried; links are followed on the sites the start URLs lead to.
    `max_pages` (pages read; None takes the setting) never exceeds the setting.
    `names` are the person's names ("Jane Doe"): for the focus `PERSON`, a link that
    carries all words of one of them comes first.
    """

    start_urls: tuple[str, ...]
    max_pages: int | None = Field(default=None, ge=1)
    focus: Focus = Focus.CONTEXT
    names: tuple[str, ...] = ()
