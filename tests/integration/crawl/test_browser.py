"""The browser tier, with each browser that this machine has."""

import asyncio
import gzip
import time

import psutil
import pytest

from libs.contracts.sources import Source, SourceStatus
from libs.crawl import Crawler, CrawlPlan, CrawlSettings
from tests.integration.crawl.conftest import Crawl, MakeSettings
from tests.integration.crawl.site import Site, page, silence, slow

SHELL = "<html lang=en><title>{title}</title><body><div id=root></div><script>{script}</script>"
SENTENCE = "Acme plans the routes of field crews in forty countries, and tells customers the time."


def shell(script: str, title: str = "Acme") -> str:
    return SHELL.format(title=title, script=script)


def show(text: str) -> str:
    return f"document.getElementById('root').innerHTML = '<h1>Shown</h1><p>{text}</p>';"


strangers: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def _know_strangers() -> None:
    """Browsers of a stack that other tests of this session keep running are not this test's."""
    strangers.clear()
    strangers.update(psutil.Process().children(recursive=True))


def browser_processes() -> list[psutil.Process]:
    """The descendants of this test that are browsers, dead ones left out."""
    alive = []
    for child in set(psutil.Process().children(recursive=True)) - strangers:
        try:
            is_browser = any(name in child.name() for name in ("chrom", "lightpanda"))
            if is_browser and child.status() != psutil.STATUS_ZOMBIE:
                alive.append(child)
        except psutil.NoSuchProcess:
            continue
    return alive


async def gone(seconds: float) -> bool:
    """Whether all browser processes end within a time."""
    deadline = time.monotonic() + seconds
    while browser_processes() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return not browser_processes()


async def ignore(_: Source) -> None:
    """For tests that look at the returned sources."""


async def test_text_made_by_scripts_is_read(site: Site, crawl: Crawl, browser: str) -> None:
    site.pages |= {
        "/": page(shell(show("<a href=/about>About us</a> " + SENTENCE))),
        "/about": page(
            shell(
                "fetch('/data').then(r => r.json()).then(d => { "
                "document.getElementById('root').innerHTML ="
                " `<h2>${d.title}</h2><p>${d.text}</p>` })"
            )
        ),
        "/data": slow(
            page(f'{{"title": "Late", "text": "{SENTENCE}"}}', content_type="application/json"), 0.5
        ),
    }
    sources = await crawl(site.url(), browser=browser)
    home, about = sources[site.url()], sources[site.url("/about")]
    assert (home.status, home.via) == (SourceStatus.READ, "browser")
    assert f"## Shown\nAbout us {SENTENCE}" in home.text
    assert f"## Late\n{SENTENCE}" in about.text
    assert all("user-agent: dossier/" in head.lower() for head in site.heads)
    assert await gone(2)


async def test_no_page_reaches_the_inner_network(
    site: Site, inner: Site, crawl: Crawl, browser: str
) -> None:
    script = f"""
        const to = "{inner.host}";
        fetch("http://" + to + "/fetch").catch(() => 0);
        fetch("http://" + to + "/no-cors", {{mode: "no-cors"}}).catch(() => 0);
        fetch("http://localhost:" + to.split(":")[1] + "/name").catch(() => 0);
        try {{ new WebSocket("ws://" + to + "/ws") }} catch (e) {{}}
        try {{ new EventSource("http://" + to + "/events") }} catch (e) {{}}
        try {{ navigator.sendBeacon("http://" + to + "/beacon", "x") }} catch (e) {{}}
        try {{ new Worker("http://" + to + "/worker.js") }} catch (e) {{}}
        try {{ const x = new XMLHttpRequest(); x.open("GET", "http://" + to + "/x"); x.send() }}
        catch (e) {{}}
        try {{
            const pc = new RTCPeerConnection({{iceServers: [{{urls: "stun:" + to}},
                {{urls: "turn:" + to + "?transport=tcp", username: "a", credential: "b"}}]}});
            pc.createDataChannel("x");
            pc.createOffer().then(o => pc.setLocalDescription(o));
        }} catch (e) {{}}
        for (const tag of ["iframe", "img", "script", "embed"]) {{
            const e = document.createElement(tag); e.src = "http://" + to + "/" + tag;
            document.body.appendChild(e);
        }}
        const css = document.createElement("link"); css.rel = "stylesheet";
        css.href = "http://" + to + "/css"; document.body.appendChild(css);
        const hop = document.createElement("iframe"); hop.src = "/hop";
        document.body.appendChild(hop);
        {show(SENTENCE)}
    """
    site.pages |= {
        "/": page(shell(script)),
        "/hop": page("", 302, location=inner.url("/hopped")),
    }
    source = (await crawl(site.url(), browser=browser))[site.url()]
    assert (source.status, source.via) == (SourceStatus.READ, "browser")
    assert SENTENCE in source.text
    assert inner.connections == 0


async def test_a_script_that_sends_the_visitor_inside_is_refused(
    site: Site, inner: Site, crawl: Crawl, browser: str
) -> None:
    site.pages["/"] = page(shell(f"location.href = '{inner.url()}'"))
    source = (await crawl(site.url(), browser=browser))[site.url()]
    assert source.status in (SourceStatus.REFUSED, SourceStatus.FAILED)
    assert source.text == ""
    assert inner.connections == 0


HOSTILE = {
    "/loop": "while (true) {}",
    "/alerts": "while (true) alert('hello')",
    "/memory": "const a = []; while (true) a.push(new Array(1e6).fill(Math.random()))",
    "/reloads": "setInterval(() => { location.reload() }, 1)",
    "/grows": "const f = () => { for (let i = 0; i < 1000; i++) document.body.appendChild("
    "document.createElement('p')).textContent = 'more'; setTimeout(f, 0) }; f()",
    "/unpacks": "fetch('/bomb').then(r => r.text()).then(t => { document.body.textContent = t })",
    "/waits": "fetch('/silence').then(r => r.text())",
    "/closes": "window.close()",
    "/throws": "throw new Error('broken')",
}


async def test_hostile_pages_cost_themselves_only(
    site: Site, make_settings: MakeSettings, browser: str
) -> None:
    site.pages |= {path: page(shell(script)) for path, script in HOSTILE.items()}
    site.pages |= {
        "/bomb": page(gzip.compress(b"a" * 200_000_000), content_encoding="gzip"),
        "/silence": silence,
        "/good": page(shell(show(SENTENCE))),
    }
    settings = make_settings(browser=browser, page_timeout_s=3.0, settle_timeout_s=1.0)
    async with Crawler(settings) as crawler:
        started = time.monotonic()
        plan = CrawlPlan(start_urls=tuple(site.url(path) for path in HOSTILE))
        sources = await crawler.crawl(plan, ignore)
        assert len(sources) == len(HOSTILE)
        assert all(source.reason for source in sources if not source.was_read)
        assert time.monotonic() - started < 60
        (good,) = await crawler.crawl(CrawlPlan(start_urls=(site.url("/good"),)), ignore)
        assert SENTENCE in good.text, good.reason
    assert await gone(5)


async def test_a_killed_browser_is_replaced_and_the_page_read_again(
    site: Site, make_settings: MakeSettings, browser: str
) -> None:
    site.pages |= {
        "/": page(shell("const x = new XMLHttpRequest(); x.open('GET', '/slow', false); x.send();"
                        + show(SENTENCE))),
        "/slow": slow(page("ok"), 1.5),
    }  # fmt: skip
    async with Crawler(make_settings(browser=browser)) as crawler:
        crawling = asyncio.ensure_future(crawler.crawl(CrawlPlan(start_urls=(site.url(),)), ignore))
        while not site.hits["/slow"]:
            await asyncio.sleep(0.02)
        for process in browser_processes():
            process.kill()
        (source,) = await crawling
    assert (source.status, source.reason) == (SourceStatus.READ, None)
    assert SENTENCE in source.text
    assert site.hits["/slow"] == 2


async def test_an_idle_browser_is_closed_and_comes_back(
    site: Site, make_settings: MakeSettings, browser: str
) -> None:
    site.pages |= {"/": page(shell(show(SENTENCE)))}
    plan = CrawlPlan(start_urls=(site.url(),))
    async with Crawler(make_settings(browser=browser, browser_idle_s=0.3)) as crawler:
        assert not browser_processes()
        for _ in range(2):
            (source,) = await crawler.crawl(plan, ignore)
            assert source.via == "browser"
            assert browser_processes()
            assert await gone(5)


async def test_a_cancelled_crawl_leaves_the_crawler_usable(
    site: Site, make_settings: MakeSettings, browser: str
) -> None:
    site.pages |= {
        "/": page(shell("while (true) {}")),
        "/good": page(shell(show(SENTENCE))),
    }
    async with Crawler(make_settings(browser=browser)) as crawler:
        crawling = asyncio.ensure_future(crawler.crawl(CrawlPlan(start_urls=(site.url(),)), ignore))
        while not browser_processes():
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        crawling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await crawling
        (good,) = await crawler.crawl(CrawlPlan(start_urls=(site.url("/good"),)), ignore)
        assert SENTENCE in good.text, good.reason
    assert await gone(5)


async def test_a_browser_that_does_not_start_fails_the_page(site: Site, crawl: Crawl) -> None:
    site.pages |= {"/": page(shell(show(SENTENCE)))}
    for kind in ("chromium", "lightpanda"):
        sources = await crawl(site.url(), browser=kind, browser_path="/bin/false")
        source = sources[site.url()]
        assert source.status is SourceStatus.FAILED
        assert "/bin/false does not start" in (source.reason or "")


def test_settings_say_which_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOSSIER_CRAWL_BROWSER", "none")
    assert CrawlSettings().browser == "none"
