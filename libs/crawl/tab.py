"""One page in one tab: open it, wait until its text is there, take the HTML."""

import asyncio
import time

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab
from playwright.async_api import Response

from libs.crawl.guard import REFUSED_STATUS
from libs.crawl.outcomes import Page, failed, refused
from libs.crawl.settings import CrawlSettings
from libs.crawl.walls import check_status, check_text

POLL_S = 0.05
STEADY_POLLS = 3
"""Polls in a row that must see the same text before a page counts as complete."""
ENOUGH_TEXT_CHARS = 200

MORE_POLLS = 12
"""The same for a page that shows little text so far."""

_VISIBLE_CHARS = "() => document.body ? document.body.innerText.length : 0"
_HTML = "(limit) => document.documentElement.outerHTML.slice(0, limit)"


async def read_tab(tab: Tab, url: str, settings: CrawlSettings, reason_header: str) -> Page:
    """Opens the URL and answers the page as its scripts have made it.

    Raises:
        PageEnded: the address it ended at was refused, or answered no page.
        playwright.async_api.Error: the browser could not open it, or went away.
    """
    watch = _TabWatch(tab)
    await tab.goto(url, wait_until="domcontentloaded", timeout=settings.page_timeout_s * 1000)
    await _settle(tab, watch, settings.settle_timeout_s)
    if watch.document is not None:
        _judge(watch.document, reason_header)
    html: str = await tab.evaluate(_HTML, settings.max_bytes)
    check_text(tab.url, html)
    return Page(tab.url, html, "browser")


class _TabWatch:
    """What the tab is loading, and the last answer that became its document: a page may send
    its visitor elsewhere by script."""

    def __init__(self, tab: Tab) -> None:
        self.document: Response | None = None
        self.pending = 0
        """Requests under way."""
        self._tab = tab
        tab.on("request", lambda _: self._count(1))
        tab.on("requestfinished", lambda _: self._count(-1))
        tab.on("requestfailed", lambda _: self._count(-1))
        tab.on("response", self._note)

    def _count(self, change: int) -> None:
        self.pending += change

    def _note(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request() and request.frame == self._tab.main_frame:
            self.document = response


async def _settle(tab: Tab, watch: _TabWatch, limit_s: float) -> None:
    """Waits until the visible text has stopped growing and nothing is being loaded."""
    deadline = time.monotonic() + limit_s
    chars, steady_polls = -1, 0
    while time.monotonic() < deadline:
        try:
            now: int = await tab.evaluate(_VISIBLE_CHARS)
        except PlaywrightError:
            if tab.is_closed():
                raise
            now = -1  # between two documents
        steady_polls = steady_polls + 1 if now == chars else 0
        chars = now
        wanted = STEADY_POLLS if chars >= ENOUGH_TEXT_CHARS else MORE_POLLS
        if steady_polls >= wanted and watch.pending <= 0:
            return
        await asyncio.sleep(POLL_S)


def _judge(document: Response, reason_header: str) -> None:
    reason = document.headers.get(reason_header)
    if reason is not None:
        raise refused(reason) if document.status == REFUSED_STATUS else failed(reason)
    check_status(document.url, document.status, document.headers)
