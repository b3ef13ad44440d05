"""The two files that a site offers to crawlers: robots.txt and its sitemaps."""

from urllib.parse import urlsplit

from libs.crawl.http_tier import REDIRECT_STATUSES, HttpTier
from libs.crawl.links import Link
from libs.crawl.outcomes import PageEnded
from libs.crawl.robots import ROBOTS_LIMIT_BYTES, RobotsCache
from libs.crawl.sitemap import MAX_URLS, SITEMAP_LIMIT_BYTES, parse_sitemap
from libs.crawl.urls import canonical_url

MAX_REDIRECTS = 5


class SiteFiles:
    """Reads them by HTTP, through the guard."""

    def __init__(self, http: HttpTier, user_agent_token: str) -> None:
        self._http = http
        self._agent = user_agent_token
        self._robots = RobotsCache(self._robots_file)

    async def admit(self, url: str) -> None:
        """
        Raises:
            PageEnded: robots.txt does not allow the URL, or its host cannot be reached.
        """
        (await self._robots.of(url)).check(url, self._agent)

    async def sitemap_links(self, site_url: str) -> list[Link]:
        """The pages that the sitemaps of a site list; none where there is no readable one."""
        parts = urlsplit(site_url)
        try:
            named = (await self._robots.of(site_url)).sitemaps
        except PageEnded:
            return []
        queue = list(named or [f"{parts.scheme}://{parts.netloc}/sitemap.xml"])
        links: list[Link] = []
        for is_child in (False, True):
            children: list[str] = []
            for sitemap in queue:
                pages, further = parse_sitemap(await self._sitemap_file(sitemap))
                links += [Link(url) for page in pages if (url := canonical_url(page)) is not None]
                children += further
            queue = [] if is_child else children
        return links[:MAX_URLS]

    async def close(self) -> None:
        await self._robots.close()

    async def _sitemap_file(self, url: str) -> bytes:
        try:
            await self.admit(url)
            status, body = await self._file(url, SITEMAP_LIMIT_BYTES)
        except PageEnded:
            return b""
        return body if status == 200 else b""

    async def _robots_file(self, url: str) -> tuple[int, bytes]:
        return await self._file(url, ROBOTS_LIMIT_BYTES)

    async def _file(self, url: str, limit_bytes: int) -> tuple[int, bytes]:
        for _ in range(MAX_REDIRECTS):
            answer = await self._http.get(url, limit_bytes, cut=True)
            target = answer.headers.get("location", "")
            if answer.status not in REDIRECT_STATUSES or not target:
                return answer.status, answer.body
            following = canonical_url(target, url)
            if following is None:
                break
            url = following
        return 404, b""  # RFC 9309: too many redirects count as no file
