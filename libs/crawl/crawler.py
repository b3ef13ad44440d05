"""The crawler of a process: what all its crawls share."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from libs.contracts.sources import Source
from libs.crawl.addresses import AllowList
from libs.crawl.browser import Browser
from libs.crawl.crawl_run import CrawlRun, OnSource
from libs.crawl.destinations import Destinations, Resolve, system_resolve
from libs.crawl.find_browser import find_browser
from libs.crawl.guard import Guard
from libs.crawl.http_tier import HttpTier
from libs.crawl.page_reader import PageReader
from libs.crawl.plan import CrawlPlan
from libs.crawl.robots import agent_token
from libs.crawl.settings import CrawlSettings
from libs.crawl.site_files import SiteFiles


class Crawler:
    """Crawls sites. One per process, used by any number of crawls at once.

    Owns the guard, the HTTP client, what is known of robots.txt files, and one
    browser. Leaving the `async with` block ends them all within seconds.
    """

    def __init__(
        self,
        settings: CrawlSettings,
        *,
        resolve: Resolve = system_resolve,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Raises:
            ValueError: `settings.allow_hosts` names a port that is none.
        """
        self._settings = settings
        self._now = now
        destinations = Destinations(
            AllowList(settings.allow_hosts), settings.connect_timeout_s, resolve
        )
        self._guard = Guard(destinations, settings.max_connection_bytes)
        self._open = AsyncExitStack()
        self._reader: PageReader
        self._files: SiteFiles

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await self._guard.start()
            opening.push_async_callback(self._guard.close)
            http = HttpTier(self._settings, self._guard)
            opening.push_async_callback(http.close)
            self._files = SiteFiles(http, agent_token(self._settings.user_agent))
            opening.push_async_callback(self._files.close)
            found = find_browser(self._settings)
            browser = Browser(self._settings, self._guard, found) if found else None
            if browser is not None:
                opening.push_async_callback(browser.close)
            self._reader = PageReader(http, browser)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def crawl(self, plan: CrawlPlan, on_source: OnSource) -> list[Source]:
        """Crawls by the plan. Every page tried ends as exactly one source, which is handed to
        `on_source` as soon as it is done, one at a time; all of them are returned.

        Never raises for a bad page; what `on_source` raises ends the crawl.
        """
        run = CrawlRun(plan, self._settings, self._reader, self._files, self._now)
        return await run.run(on_source)
