"""A website on loopback, and crawlers that are allowed to read it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from libs.contracts.sources import Source
from libs.crawl import Crawler, CrawlPlan, CrawlSettings, find_browser
from tests.integration.crawl.site import Site

MakeSettings = Callable[..., CrawlSettings]
Crawl = Callable[..., Any]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The website that the crawler is sent to."""
    async with Site() as served:
        yield served


@pytest.fixture
async def inner() -> AsyncIterator[Site]:
    """A server of the inner network, which no crawl may reach."""
    async with Site() as served:
        yield served


@pytest.fixture
def make_settings(site: Site) -> MakeSettings:
    """Settings that allow the site and nothing else."""

    def make(**changes: Any) -> CrawlSettings:
        defaults: dict[str, Any] = {"allow_hosts": site.host, "browser": "none"}
        return CrawlSettings(**defaults | changes)

    return make


@pytest.fixture
def crawl(make_settings: MakeSettings) -> Crawl:
    """Crawls once from start URLs; answers the sources by URL."""

    async def run(*urls: str, max_pages: int = 10, **changes: Any) -> dict[str, Source]:
        handed_out: list[Source] = []

        async def on_source(source: Source) -> None:
            handed_out.append(source)

        async with Crawler(make_settings(**changes)) as crawler:
            returned = await crawler.crawl(
                CrawlPlan(start_urls=urls, max_pages=max_pages), on_source
            )
        assert handed_out == returned
        assert len({source.id for source in returned}) == len(returned)
        return {source.url: source for source in returned}

    return run


@pytest.fixture(params=["lightpanda", "chromium"])
def browser(request: pytest.FixtureRequest) -> str:
    """Each kind of browser that this machine has."""
    kind: str = request.param
    if find_browser(CrawlSettings(browser=kind)) is None:
        pytest.skip(f"no {kind} on this machine")
    return kind
