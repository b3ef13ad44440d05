"""Chromium, driven by Playwright: one context per tab."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import Page as Tab
from playwright.async_api import Playwright, ViewportSize

from libs.crawl.engine import HEAP_LIMIT_MB, START_TIMEOUT_S, close_quietly
from libs.crawl.settings import CrawlSettings

_FLAGS = [
    "--no-sandbox",  # Chromium refuses to sandbox for root; what it may reach, the guard decides
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--blink-settings=imagesEnabled=false",
    f"--js-flags=--max-old-space-size={HEAP_LIMIT_MB}",
    # Names are resolved by the guard alone, and WebRTC may not go around it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
]
_UNNEEDED = ["*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.avif", "*.woff", "*.woff2", "*.ttf",
             "*.mp4", "*.webm", "*.mp3"]  # fmt: skip
_VIEWPORT = ViewportSize(width=1280, height=2000)


class Chromium:
    """A running Chromium."""

    def __init__(self, browser: PlaywrightBrowser, settings: CrawlSettings) -> None:
        self._browser = browser
        self._settings = settings
        self._stuck = False

    @classmethod
    async def start(
        cls, playwright: Playwright, path: str, settings: CrawlSettings, proxy_url: str
    ) -> "Chromium":
        """
        Raises:
            playwright.async_api.Error: it does not start.
        """
        browser = await playwright.chromium.launch(
            executable_path=path,
            args=_FLAGS,
            # Not as a bare flag: Chromium would then leave the proxy out for loopback.
            proxy={"server": proxy_url},
            # Nothing of ours: a page that breaks out of the browser finds no secrets there.
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            timeout=START_TIMEOUT_S * 1000,
            handle_sigterm=False,  # the worker decides when the browser ends
            handle_sigint=False,
        )
        return cls(browser, settings)

    @property
    def is_alive(self) -> bool:
        return self._browser.is_connected() and not self._stuck

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        context = await self._browser.new_context(
            user_agent=self._settings.user_agent,
            service_workers="block",
            accept_downloads=False,
            viewport=_VIEWPORT,
        )
        try:
            tab = await context.new_page()
            await self._bound(tab)
            yield tab
        finally:
            # A tab that cannot be closed would go on eating; then the whole browser has to go.
            self._stuck |= not await close_quietly(context.close())

    async def _bound(self, tab: Tab) -> None:
        """Closes a tab that unpacks more than it may: 1 MB of gzip can fill 2 GB."""
        left = self._settings.max_bytes * 4
        closing: set[asyncio.Task[bool]] = set()

        def count(event: dict[str, int]) -> None:
            nonlocal left
            left -= event["dataLength"]
            if left < 0 and not closing:
                closing.add(asyncio.ensure_future(close_quietly(tab.close())))

        session = await tab.context.new_cdp_session(tab)
        session.on("Network.dataReceived", count)
        await session.send("Network.enable")
        await session.send("Network.setBlockedURLs", {"urls": _UNNEEDED})

    async def close(self) -> None:
        await close_quietly(self._browser.close())
