"""The first tier: one page by plain HTTP, through the guard, within bounds."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from libs.crawl.decoding import decode_html, meta_refresh_target
from libs.crawl.guard import REFUSED_STATUS, Guard
from libs.crawl.outcomes import Page, failed, refused, skipped
from libs.crawl.settings import CrawlSettings
from libs.crawl.urls import canonical_url
from libs.crawl.walls import check_location, check_status, check_text

ANY_WBITS = 47
"""Tells zlib to recognise gzip and zlib headers."""
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml", "text/plain", ""})

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})

NOT_WEB_REASON = "it redirects to something that is not a web address"

Admit = Callable[[str], Awaitable[None]]
"""Called with every URL before it is requested; raises PageEnded to stop there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, decompressed, not yet judged."""

    status: int
    headers: httpx.Headers
    body: bytes


class HttpTier:
    """Requests pages by HTTP. Redirects are followed by hand, so that each hop is admitted."""

    def __init__(self, settings: CrawlSettings, guard: Guard) -> None:
        self._settings = settings
        self._guard = guard
        self._client = httpx.AsyncClient(
            proxy=guard.url,
            trust_env=False,  # a proxy or netrc of the environment would lead around the guard
            timeout=settings.page_timeout_s,
            # One client serves the crawls of many users: no site may recognise one from the other.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "user-agent": settings.user_agent,
                "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
                "accept-language": "en,*;q=0.5",
                "accept-encoding": "gzip",
            },
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def page(self, url: str, admit: Admit) -> Page:
        """Reads a page, following redirects.

        Raises:
            PageEnded: it cannot or must not be read.
        """
        try:
            async with asyncio.timeout(self._settings.page_timeout_s):
                return await self._follow(url, admit)
        except TimeoutError:
            raise failed(f"no full answer within {self._settings.page_timeout_s:g} s") from None

    async def _follow(self, url: str, admit: Admit) -> Page:
        for _ in range(self._settings.max_redirects + 1):
            await admit(url)
            answer = await self.get(url, self._settings.max_bytes, page_types=_PAGE_TYPES)
            if answer.status in REDIRECT_STATUSES and "location" in answer.headers:
                target: str = answer.headers["location"]
            else:
                check_status(url, answer.status, answer.headers)
                html = decode_html(answer.body, answer.headers.get("content-type", ""))
                refresh = meta_refresh_target(html)
                if refresh is None:
                    check_text(url, html)
                    return Page(url, html, "http")
                target = refresh
            following = canonical_url(target, url)
            if following is None:
                raise failed(NOT_WEB_REASON)
            check_location(following)
            url = following
        raise failed(f"more than {self._settings.max_redirects} redirects")

    async def get(
        self,
        url: str,
        max_bytes: int,
        *,
        page_types: frozenset[str] | None = None,
        cut: bool = False,
    ) -> Answer:
        """One request and its answer, whatever its status, without following redirects.

        `page_types` are the content types worth reading in a successful answer (None: any).
        A body longer than `max_bytes` is an error, or is cut there.

        Raises:
            PageEnded: refused by the guard, unreachable, too long, or of another type.
        """
        try:
            async with (
                asyncio.timeout(self._settings.page_timeout_s),
                self._client.stream("GET", url) as response,
            ):
                self._raise_guard_answer(response)
                mime = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if page_types is not None and response.is_success and mime not in page_types:
                    raise skipped(f"it is {mime}, not a web page")
                body = await _bounded_body(response, max_bytes, cut=cut)
                return Answer(response.status_code, response.headers, body)
        except httpx.ProxyError as error:  # the guard's answer to CONNECT: "403 reason"
            status, _, reason = str(error).partition(" ")
            raise refused(reason) if status == str(REFUSED_STATUS) else failed(reason) from None
        except (httpx.TimeoutException, TimeoutError):
            raise failed(f"no full answer within {self._settings.page_timeout_s:g} s") from None
        except httpx.ConnectError as error:
            raise failed(f"no secure connection: {error}") from None
        except httpx.HTTPError:
            raise failed("the server broke off the connection") from None
        except httpx.InvalidURL:  # of a redirect, which httpx reads even when it does not follow
            raise failed(NOT_WEB_REASON) from None

    def _raise_guard_answer(self, response: httpx.Response) -> None:
        reason = response.headers.get(self._guard.reason_header)
        if reason is not None:
            raise refused(reason) if response.status_code == REFUSED_STATUS else failed(reason)


async def _bounded_body(response: httpx.Response, max_bytes: int, *, cut: bool) -> bytes:
    """The decompressed body. Decompressed here and not by httpx, which would unpack a whole
    chunk at once: 64 KiB of a bomb are 64 MB."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate", ""):
        raise failed(f"the answer is encoded as {encoding}, which was not asked for")
    unpack = None if encoding in ("identity", "") else zlib.decompressobj(ANY_WBITS)
    body = bytearray()
    async for chunk in response.aiter_raw():
        try:
            body += unpack.decompress(chunk, max_bytes + 1 - len(body)) if unpack else chunk
        except zlib.error:
            raise failed("the compressed answer is damaged") from None
        if len(body) > max_bytes:
            if cut:
                return bytes(body[:max_bytes])
            raise failed(f"longer than {max_bytes:,} bytes")
    return bytes(body)
