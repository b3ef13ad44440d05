"""A crawl by plain HTTP: what every kind of answer becomes."""

import gzip
import time
from typing import Any

import pytest

from libs.contracts.sources import Source, SourceStatus
from libs.crawl import Crawler, CrawlPlan
from tests.integration.crawl.conftest import Crawl, MakeSettings
from tests.integration.crawl.site import Site, endless, page, redirect, silence, slow


def text(words: str) -> str:
    return f"<html lang=en><title>{words}</title><main><h1>{words}</h1><p>Of {words}.</p></main>"


async def test_a_site_is_read_from_its_start_page(site: Site, crawl: Crawl) -> None:
    nav = "".join(f"<a href='/{p}'>{p}</a>" for p in ("about", "pricing", "private", "gone", "cv"))
    site.pages |= {
        "/": page(text("home") + nav),
        "/about": page(text("about") + "<a href='https://other.example/'>elsewhere</a>"),
        "/pricing": page(gzip.compress(text("pricing").encode()), content_encoding="gzip"),
        "/cv": page(b"%PDF-1.7", content_type="application/pdf"),
        "/only-in-sitemap": page(text("hidden gem")),
        "/sitemap.xml": page(
            f"<urlset><loc>{site.url('/only-in-sitemap')}</loc></urlset>", content_type="text/xml"
        ),
        "/robots.txt": page("User-agent: *\nDisallow: /private", content_type="text/plain"),
    }
    sources = await crawl(site.url())
    assert {url.removeprefix(site.url("")): (s.status, s.reason) for url, s in sources.items()} == {
        "/": (SourceStatus.READ, None),
        "/about": (SourceStatus.READ, None),
        "/pricing": (SourceStatus.READ, None),
        "/only-in-sitemap": (SourceStatus.READ, None),
        "/private": (
            SourceStatus.BLOCKED,
            "robots.txt of 127.0.0.1 does not allow /private",
        ),
        "/gone": (SourceStatus.FAILED, "HTTP 404"),
        "/cv": (SourceStatus.SKIPPED, "it is application/pdf, not a web page"),
    }
    assert "## pricing\nOf pricing." in sources[site.url("/pricing")].text
    assert sources[site.url("/about")].via == "http"
    assert site.hits["/private"] == 0
    assert site.hits["/robots.txt"] == 1


async def test_no_more_pages_are_read_than_asked_for(site: Site, crawl: Crawl) -> None:
    links = "".join(f"<a href='/p{i}'>x</a>" for i in range(50))
    site.pages |= {"/": page(text("home") + links)}
    site.pages |= {f"/p{i}": page(text(f"page {i}")) for i in range(50)}
    sources = await crawl(site.url(), max_pages=5)
    assert [s.status for s in sources.values()] == [SourceStatus.READ] * 5


async def test_a_site_of_dead_links_ends(site: Site, crawl: Crawl) -> None:
    site.pages["/"] = page(text("home") + "".join(f"<a href='/d{i}'>x</a>" for i in range(500)))
    assert len(await crawl(site.url(), max_pages=5)) == 10


async def test_the_same_page_twice_is_skipped_with_the_reason(site: Site, crawl: Crawl) -> None:
    site.pages |= {
        "/": page(text("home") + "<a href=/about>a</a><a href=/team>b</a><a href=/old>c</a>"),
        "/about": page(text("us")),
        "/team": page(text("us")),
        "/old": redirect("/"),
    }
    sources = await crawl(site.url(), concurrency=1)
    skipped = {s.reason for s in sources.values() if s.status is SourceStatus.SKIPPED}
    assert skipped == {f"the same text as {site.url('/about')}", f"the same page as {site.url()}"}


async def test_every_start_url_ends_as_one_source(site: Site, crawl: Crawl) -> None:
    site.pages["/"] = page(text("home"))
    sources = await crawl(
        site.url(), "http://nowhere.invalid/", "http://10.0.0.1/", "ftp://example.com/", "words"
    )
    assert {s.url: (s.status, s.reason) for s in sources.values()} == {
        site.url(): (SourceStatus.READ, None),
        "http://nowhere.invalid/": (
            SourceStatus.FAILED,
            "the name nowhere.invalid does not resolve",
        ),
        "http://10.0.0.1/": (SourceStatus.REFUSED, "10.0.0.1 is not a public address"),
        "ftp://example.com/": (SourceStatus.FAILED, "not a web address"),
        "words": (SourceStatus.FAILED, "not a web address"),
    }


async def one(crawl: Crawl, url: str, **changes: Any) -> tuple[SourceStatus, str | None]:
    source: Source = (await crawl(url, **changes))[url]
    return source.status, source.reason


async def test_redirects_are_followed_within_bounds(site: Site, crawl: Crawl) -> None:
    site.pages |= {
        "/a": redirect("/b", 301),
        "/b": page('<meta http-equiv="refresh" content="0;url=/c">'),
        "/c": page(text("there")),
        "/loop": redirect("/loop"),
        "/nowhere": redirect("mailto:a@example.com"),
    }
    assert await one(crawl, site.url("/a")) == (SourceStatus.READ, None)
    assert await one(crawl, site.url("/loop")) == (SourceStatus.FAILED, "more than 5 redirects")
    assert (await one(crawl, site.url("/nowhere")))[1] == (
        "it redirects to something that is not a web address"
    )


async def test_a_link_that_leaves_the_site_by_redirect_is_skipped(
    site: Site, inner: Site, crawl: Crawl
) -> None:
    site.pages |= {
        "/": page(text("home") + "<a href=/about>about</a>"),
        "/about": redirect(inner.url("/about")),
    }
    inner.pages["/about"] = page(text("foreign"))
    sources = await crawl(site.url(), allow_hosts=f"{site.host},{inner.host}")
    about = sources[site.url("/about")]
    assert (about.status, about.reason) == (
        SourceStatus.SKIPPED,
        f"it leads to another site, {inner.host}",
    )
    assert inner.connections == 0


@pytest.mark.parametrize(
    "way",
    [
        lambda url: redirect(url),
        lambda url: page(f'<meta http-equiv="refresh" content="0;url={url}">'),
    ],
)
async def test_no_redirect_leads_inside(site: Site, inner: Site, crawl: Crawl, way: Any) -> None:
    site.pages["/"] = way(inner.url("/"))
    assert await one(crawl, site.url()) == (
        SourceStatus.REFUSED,
        f"port {inner.port} of 127.0.0.1 is not a web port (80, 443)",
    )
    assert inner.connections == 0


async def test_long_answers_are_cut_off(site: Site, crawl: Crawl) -> None:
    bomb = gzip.compress(b"<p>" + b"a" * 50_000_000)
    site.pages |= {
        "/long": page("x" * 200_000),
        "/bomb": page(bomb, content_encoding="gzip"),
        "/endless": endless(b"y" * 10_000, 0),
        "/odd": page(b"", content_encoding="br"),
        "/damaged": page(b"not gzip", content_encoding="gzip"),
    }
    for path in ("/long", "/bomb", "/endless"):
        answer = await one(crawl, site.url(path), max_bytes=100_000)
        assert answer == (SourceStatus.FAILED, "longer than 100,000 bytes")
    assert "encoded as br" in ((await one(crawl, site.url("/odd")))[1] or "")
    assert "damaged" in ((await one(crawl, site.url("/damaged")))[1] or "")


async def test_slow_answers_are_given_up(site: Site, crawl: Crawl) -> None:
    site.pages |= {"/silent": silence, "/drip": endless(b"z", 0.05)}
    for path in ("/silent", "/drip"):
        answer = await one(crawl, site.url(path), page_timeout_s=0.5)
        assert answer == (SourceStatus.FAILED, "no full answer within 0.5 s")


async def test_an_endless_robots_file_is_cut_and_obeyed(site: Site, crawl: Crawl) -> None:
    rules = b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /private\n"

    async def endless_rules(writer: Any) -> None:
        writer.write(rules)
        while True:
            writer.write(b"# and so on\n" * 1000)
            await writer.drain()

    site.pages |= {"/robots.txt": endless_rules, "/private": page(text("private"))}
    assert (await one(crawl, site.url("/private")))[0] is SourceStatus.BLOCKED


async def test_the_whole_crawl_has_a_time_limit(site: Site, crawl: Crawl) -> None:
    site.pages |= {
        "/": page(text("home") + "<a href=/about>a</a>"),
        "/about": slow(page(text("about")), 30),
    }
    started = time.monotonic()
    sources = await crawl(site.url(), crawl_timeout_s=1.0)
    assert time.monotonic() - started < 5
    assert sources[site.url()].status is SourceStatus.READ
    assert (sources[site.url("/about")].status, sources[site.url("/about")].reason) == (
        SourceStatus.SKIPPED,
        "the crawl's 1 s were over",
    )


async def test_a_page_that_needs_a_browser_says_so_where_there_is_none(
    site: Site, crawl: Crawl
) -> None:
    site.pages["/"] = page("<div id=root></div><script src=/a.js></script>")
    assert await one(crawl, site.url()) == (
        SourceStatus.FAILED,
        "its text needs JavaScript, and there is no browser here",
    )


async def test_what_the_receiver_raises_ends_the_crawl(
    site: Site, make_settings: MakeSettings
) -> None:
    site.pages["/"] = page(text("home"))

    async def lost(_: Source) -> None:
        raise LookupError("the lease is lost")

    async with Crawler(make_settings()) as crawler:
        with pytest.raises(LookupError, match="lease"):
            await crawler.crawl(CrawlPlan(start_urls=(site.url(),)), lost)


async def test_requests_say_who_asks_and_carry_nothing_over(site: Site, crawl: Crawl) -> None:
    site.pages |= {
        "/": page(text("home") + "<a href=/about>about</a>", set_cookie="id=1; path=/"),
        "/about": page(text("about")),
    }
    await crawl(site.url(), user_agent="Dossier/9 (+https://contact.example)")
    assert site.hits["/about"] == 1
    for head in site.heads:
        assert "user-agent: dossier/9 (+https://contact.example)" in head.lower()
        assert "cookie:" not in head.lower()
