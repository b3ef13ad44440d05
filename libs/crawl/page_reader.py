"""One URL through the tiers: plain HTTP first, the browser where HTTP shows too little."""

import asyncio

from libs.contracts.sources import SourceStatus
from libs.crawl.browser import Browser
from libs.crawl.extract import Reading, read_html
from libs.crawl.http_tier import Admit, HttpTier
from libs.crawl.outcomes import Page, PageEnded, failed
from libs.crawl.urls import canonical_url
from libs.crawl.walls import is_linkedin

WORTH_READING_CHARS = 200
"""Text in the HTML as served that is worth keeping when the browser cannot add to it."""


class PageReader:
    """Fetches and extracts pages. `browser` is None on a machine without one."""

    def __init__(self, http: HttpTier, browser: Browser | None) -> None:
        self._http = http
        self._browser = browser

    async def read(self, url: str, admit: Admit) -> tuple[Page, Reading]:
        """Reads a page. `admit` is asked about every address on the way to it.

        Raises:
            PageEnded: it gives no text.
        """
        page = await self._http.page(url, admit)
        reading = await asyncio.to_thread(read_html, page.html, page.url)
        if reading.needs_browser and not is_linkedin(page.url):
            page, reading = await self._rendered(page, reading, admit)
        if not reading.says_something:
            raise failed("the page shows no text")
        return page, reading

    async def _rendered(
        self, served: Page, served_reading: Reading, admit: Admit
    ) -> tuple[Page, Reading]:
        """The page as the browser shows it, or as served when that is all there is to have."""
        try:
            if self._browser is None:
                raise failed("its text needs JavaScript, and there is no browser here")
            page = await self._browser.page(served.url)
            if page.url != served.url:
                await admit(canonical_url(page.url) or served.url)
        except PageEnded as ended:
            unsafe = ended.status is not SourceStatus.FAILED
            if unsafe or served_reading.body_chars < WORTH_READING_CHARS:
                raise
            return served, served_reading
        reading = await asyncio.to_thread(read_html, page.html, page.url)
        if reading.body_chars < served_reading.body_chars:
            return served, served_reading
        return page, reading
