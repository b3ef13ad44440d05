"""The second tier: one browser per process, started when a page needs it, replaced when it
crashes, closed when it has had nothing to do."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Playwright, async_playwright

from libs.crawl.chromium import Chromium
from libs.crawl.engine import Engine, close_quietly
from libs.crawl.find_browser import FoundBrowser
from libs.crawl.guard import Guard
from libs.crawl.lightpanda import Lightpanda
from libs.crawl.outcomes import Page, failed
from libs.crawl.settings import CrawlSettings
from libs.crawl.tab import read_tab

ATTEMPTS = 2
"""A page is tried again once, in a new browser, when the first one crashed under it."""
CRASH_NOTICE_S = 0.3


class BrowserCrashed(Exception):
    """The browser went away under the page."""


class Browser:
    """Renders pages, each in a fresh tab of one shared browser."""

    def __init__(self, settings: CrawlSettings, guard: Guard, found: FoundBrowser) -> None:
        self._settings = settings
        self._guard = guard
        self._found = found
        self._tabs = asyncio.Semaphore(settings.browser_tabs)
        self._changing = asyncio.Lock()
        """Held while the browser is started or stopped."""
        self._playwright: Playwright | None = None
        self._engine: Engine | None = None
        self._users = 0
        self._idle_watch: asyncio.Task[None] | None = None

    async def page(self, url: str) -> Page:
        """Opens a page, lets its scripts run, and takes the HTML as it then is.

        Raises:
            PageEnded: it cannot be read.
        """
        async with self._tabs:
            for _ in range(ATTEMPTS):
                with contextlib.suppress(BrowserCrashed):
                    return await self._render(url)
        raise failed("the browser crashed on this page, twice")

    async def close(self) -> None:
        """Ends the browser; returns within seconds, whatever state it is in."""
        if self._idle_watch is not None:
            self._idle_watch.cancel()
            await asyncio.wait({self._idle_watch})
        async with self._changing:
            await self._stop()

    async def _render(self, url: str) -> Page:
        limit_s = self._settings.page_timeout_s
        async with self._running_engine() as engine:
            try:
                async with asyncio.timeout(limit_s), engine.tab() as tab:
                    return await read_tab(tab, url, self._settings, self._guard.reason_header)
            except TimeoutError:
                raise failed(f"the browser did not finish it within {limit_s:g} s") from None
            except PlaywrightError as error:
                if await _is_dead(engine):
                    raise BrowserCrashed from error
                raise failed(_in_words(error)) from None

    @asynccontextmanager
    async def _running_engine(self) -> AsyncIterator[Engine]:
        """The browser, started or replaced as needed, and kept while the block runs."""
        self._users += 1
        try:
            async with self._changing:
                if self._engine is not None and not self._engine.is_alive:
                    await self._stop()
                if self._engine is None:
                    self._engine = await self._start()
                engine = self._engine
            yield engine
        finally:
            self._users -= 1
            if self._users == 0:
                self._watch_idle()

    async def _start(self) -> Engine:
        start = Lightpanda.start if self._found.kind == "lightpanda" else Chromium.start
        try:
            self._playwright = await async_playwright().start()
            return await start(self._playwright, self._found.path, self._settings, self._guard.url)
        except (PlaywrightError, OSError, TimeoutError) as error:
            await self._stop()
            raise failed(f"{self._found.path} does not start: {_short(error)}") from None

    async def _stop(self) -> None:
        if self._engine is not None:
            await self._engine.close()
            self._engine = None
        if self._playwright is not None:
            await close_quietly(self._playwright.stop())
            self._playwright = None

    def _watch_idle(self) -> None:
        if self._idle_watch is not None:
            self._idle_watch.cancel()
        self._idle_watch = asyncio.ensure_future(self._stop_when_idle())

    async def _stop_when_idle(self) -> None:
        await asyncio.sleep(self._settings.browser_idle_s)
        async with self._changing:
            if self._users == 0:
                await self._stop()


async def _is_dead(engine: Engine) -> bool:
    """Whether the browser is gone; the end of a process is noticed only after a moment."""
    deadline = time.monotonic() + CRASH_NOTICE_S
    while engine.is_alive and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return not engine.is_alive


def _in_words(error: PlaywrightError) -> str:
    text = _short(error)
    if "context was destroyed" in text:
        return "its scripts never stop leading to another page"
    if "has been closed" in text or "crashed" in text:
        return "it is too large for the browser, or closed itself"
    return f"the browser could not open it: {text.partition(': ')[2] or text}"


def _short(error: BaseException) -> str:
    """The first line of an error, without the call log that Playwright adds."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
