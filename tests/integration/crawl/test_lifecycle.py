"""A worker that is killed takes its browser with it."""

import asyncio
import signal
import sys
import time

import psutil
import pytest

from tests.integration.crawl.site import Site, page, silence

WORKER = """
import asyncio, sys
from libs.crawl import Crawler, CrawlPlan, CrawlSettings

async def ignore(source):
    pass

async def main(url, host, browser):
    async with Crawler(CrawlSettings(allow_hosts=host, browser=browser)) as crawler:
        await crawler.crawl(CrawlPlan(start_urls=(url,)), ignore)

asyncio.run(main(*sys.argv[1:]))
"""
HANGING = "<div id=root></div><script>fetch('/silence')</script>"


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM])
async def test_no_process_outlives_its_worker(
    site: Site, browser: str, deadly: signal.Signals
) -> None:
    site.pages |= {"/": page(HANGING), "/silence": silence}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, site.url(), site.host, browser
    )
    while not site.hits["/silence"]:
        await asyncio.sleep(0.05)
    descendants = psutil.Process(worker.pid).children(recursive=True)
    assert any(browser[:5] in child.name() for child in descendants)
    worker.send_signal(deadly)
    await worker.wait()
    deadline = time.monotonic() + 10
    while any(alive(child) for child in descendants) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert [child.name() for child in descendants if alive(child)] == []
