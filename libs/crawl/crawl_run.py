"""One crawl: which page is read when, and what source each becomes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any

import structlog

from libs.contracts.sources import Source, SourceStatus, content_hash, source_id
from libs.crawl.extract import Reading
from libs.crawl.frontier import Frontier
from libs.crawl.links import Link
from libs.crawl.outcomes import Page, PageEnded, failed, skipped
from libs.crawl.page_reader import PageReader
from libs.crawl.plan import CrawlPlan
from libs.crawl.settings import CrawlSettings
from libs.crawl.site_files import SiteFiles
from libs.crawl.urls import canonical_url, page_key, site_of
from libs.crawl.walls import is_linkedin

SITEMAP_WAIT_S = 5.0
"""Longest wait for sitemaps once the start pages are read."""
TRIES_PER_PAGE = 2
"""Pages tried per page wanted, so that a site of dead links ends."""

OnSource = Callable[[Source], Awaitable[None]]
Result = tuple[Page, Reading] | PageEnded

log = structlog.get_logger(__name__)


class CrawlRun:
    """The state of one crawl. Sources are made in one place, one after the other, so that two
    pages read at once are still told apart from duplicates."""

    def __init__(
        self,
        plan: CrawlPlan,
        settings: CrawlSettings,
        reader: PageReader,
        files: SiteFiles,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._files = files
        self._now = now
        self._frontier = Frontier(plan)
        self._starts = deque(dict.fromkeys(plan.start_urls))
        self._start_urls = frozenset(plan.start_urls)
        self._max_pages = min(plan.max_pages or settings.max_pages, settings.max_pages)
        self._max_tries = max(TRIES_PER_PAGE * self._max_pages, len(self._starts))
        self._sources: list[Source] = []
        self._read_pages: dict[str, str] = {}
        """Key of every page read, and the URL it was asked for by."""
        self._read_texts: dict[str, str] = {}
        """Hash of every text read, and the URL it came from."""
        self._pages: dict[asyncio.Task[Result], str] = {}
        """The pages under way."""
        self._sitemaps: set[asyncio.Task[list[Link]]] = set()

    async def run(self, on_source: OnSource) -> list[Source]:
        """Crawls until there is nothing left to read, or a limit is reached."""
        deadline = time.monotonic() + self._settings.crawl_timeout_s
        try:
            while await self._fill():
                left_s = max(0.0, deadline - time.monotonic())
                done, _ = await asyncio.wait(
                    self._pages, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    await self._record(self._pages.pop(task), task.result(), on_source)
                if not done:
                    limit_s = self._settings.crawl_timeout_s
                    for url in [*self._pages.values(), *self._starts]:
                        await self._record(
                            url, skipped(f"the crawl's {limit_s:g} s were over"), on_source
                        )
                    break
            return self._sources
        finally:
            await _give_up([*self._pages, *self._sitemaps])

    async def _fill(self) -> bool:
        """Starts as many pages as may be under way. False when there is nothing left to do."""
        while len(self._pages) < self._settings.concurrency:
            url = await self._next_url()
            if url is None:
                break
            self._pages[asyncio.ensure_future(self._attempt(url))] = url
        return bool(self._pages)

    async def _next_url(self) -> str | None:
        tried = len(self._sources) + len(self._pages)
        if self._starts:
            return self._start(self._starts.popleft())
        if any(url in self._start_urls for url in self._pages.values()):
            return None  # the best next page is not known before the start pages are
        if self._sitemaps:
            await self._take_sitemaps()
        if len(self._read_texts) + len(self._pages) >= self._max_pages or tried >= self._max_tries:
            return None
        link = self._frontier.next()
        return link.url if link is not None else None

    def _start(self, url: str) -> str:
        clean = canonical_url(url)
        if clean is not None:
            self._frontier.take(clean)
            if not is_linkedin(clean):
                self._frontier.open_site(clean, None)
                self._sitemaps.add(asyncio.ensure_future(self._files.sitemap_links(clean)))
        return url

    async def _take_sitemaps(self) -> None:
        done, late = await asyncio.wait(self._sitemaps, timeout=SITEMAP_WAIT_S)
        for task in done:
            if task.exception() is None:
                self._frontier.add(task.result())
        await _give_up(late)
        self._sitemaps.clear()

    async def _attempt(self, url: str) -> Result:
        """Reads one page, whatever it does."""
        clean = canonical_url(url)
        if clean is None:
            return failed("not a web address")
        try:
            return await self._reader.read(clean, lambda hop: self._admit(url, hop))
        except PageEnded as ended:
            return ended
        except Exception as error:  # a page that trips our own code must not end the crawl
            log.exception("crawl.page_tripped", source_id=source_id(url))
            return failed(f"it could not be read ({type(error).__name__})")

    async def _admit(self, url: str, hop: str) -> None:
        if url not in self._start_urls and not self._frontier.is_open(hop):
            raise skipped(f"it leads to another site, {site_of(hop)}")
        await self._files.admit(hop)

    async def _record(self, url: str, result: Result, on_source: OnSource) -> None:
        """Makes the source of a page and hands it out; its links become candidates."""
        if not isinstance(result, PageEnded):
            result = self._unless_duplicate(url, *result)
        if isinstance(result, PageEnded):
            source = self._ended(url, result)
        else:
            source = self._read(url, *result)
        self._sources.append(source)
        await on_source(source)

    def _unless_duplicate(self, url: str, page: Page, reading: Reading) -> Result:
        same_page = self._read_pages.get(page_key(page.url))
        if same_page is not None:
            return skipped(f"the same page as {same_page}")
        same_text = self._read_texts.get(content_hash(reading.text))
        if same_text is not None:
            return skipped(f"the same text as {same_text}")
        return page, reading

    def _read(self, url: str, page: Page, reading: Reading) -> Source:
        digest = content_hash(reading.text)
        self._read_pages[page_key(page.url)] = url
        self._read_texts[digest] = url
        self._frontier.take(page.url)
        if not is_linkedin(page.url):
            if url in self._start_urls:
                self._frontier.open_site(page.url, reading.metadata.language)
            self._frontier.add(reading.links)
        return Source(
            id=source_id(url),
            url=url,
            status=SourceStatus.READ,
            fetched_at=self._now(),
            via=page.via,
            text=reading.text,
            content_hash=digest,
            metadata=reading.metadata,
        )

    def _ended(self, url: str, ended: PageEnded) -> Source:
        return Source(
            id=source_id(url),
            url=url,
            status=ended.status,
            reason=ended.reason,
            fetched_at=self._now(),
        )


async def _give_up(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
