"""The lightpanda engine as a child process, driven by Playwright: one connection per tab."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page as Tab
from playwright.async_api import Playwright

from libs.crawl import tether
from libs.crawl.engine import CLOSE_TIMEOUT_S, HEAP_LIMIT_MB, START_TIMEOUT_S, close_quietly
from libs.crawl.settings import CrawlSettings

_LISTENING = re.compile(rb"address=(127\.0\.0\.1:\d+)")


class Lightpanda:
    """A running lightpanda."""

    def __init__(
        self, playwright: Playwright, process: asyncio.subprocess.Process, endpoint: str
    ) -> None:
        self._playwright = playwright
        self._process = process
        self._endpoint = endpoint
        self._draining = asyncio.ensure_future(_drain(process))

    @classmethod
    async def start(
        cls, playwright: Playwright, path: str, settings: CrawlSettings, proxy_url: str
    ) -> "Lightpanda":
        """
        Raises:
            OSError, TimeoutError: it does not start.
        """
        timeout_ms = int(settings.page_timeout_s * 1000)
        options = {
            "port": 0,
            "log-level": "fatal",  # the line that tells the port is printed at any level
            "http-proxy": proxy_url,
            "http-timeout": timeout_ms,
            "watchdog-ms": timeout_ms,
            "http-max-response-size": settings.max_bytes,
            "v8-max-heap-mb": HEAP_LIMIT_MB,
            "user-agent": settings.user_agent,
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(Path(tether.__file__)), path, "serve", *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Nothing of ours: no secrets, and no proxy settings that would compete with the guard.
            env={"PATH": os.defpath, "LIGHTPANDA_DISABLE_TELEMETRY": "true"},
        )  # fmt: skip
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                address = await _listening_address(process)
        except BaseException:
            await _end(process)
            raise
        return cls(playwright, process, f"ws://{address}/")

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        browser = await self._playwright.chromium.connect_over_cdp(
            self._endpoint, timeout=START_TIMEOUT_S * 1000
        )
        try:
            context = await browser.new_context()
            yield await context.new_page()
        finally:
            await close_quietly(browser.close())

    async def close(self) -> None:
        await _end(self._process)
        await self._draining


async def _listening_address(process: asyncio.subprocess.Process) -> str:
    """The address that the starting engine prints."""
    assert process.stderr is not None
    async for line in process.stderr:
        if (match := _LISTENING.search(line)) is not None:
            return match[1].decode()
    raise OSError(f"lightpanda ended at its start with code {await process.wait()}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Reads what the engine prints, which would stop once the pipe is full."""
    assert process.stderr is not None
    while await process.stderr.read(65536):
        pass


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the child: asked first, killed when it does not listen."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
