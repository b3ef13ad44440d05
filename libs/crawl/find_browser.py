"""Which browser this machine offers."""

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from libs.crawl.settings import CrawlSettings

Kind = Literal["chromium", "lightpanda"]

_ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MANAGED = (
    "chromium_headless_shell-*/chrome-*/headless_shell",
    "chromium_headless_shell-*/chrome-*/chrome-headless-shell",
    "chromium-*/chrome-*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)


@dataclass(frozen=True, slots=True)
class FoundBrowser:
    """A browser that can be started. `origin` says for people where it comes from."""

    kind: Kind
    path: str
    origin: str


def find_browser(settings: CrawlSettings) -> FoundBrowser | None:
    """The browser that a crawl would use: the configured one, else a Chromium that Playwright
    manages, else one on the PATH, else lightpanda. None where there is none. Starts nothing."""
    if settings.browser == "none":
        return None
    if settings.browser_path is not None:
        kind: Kind = (
            "lightpanda" if "lightpanda" in Path(settings.browser_path).name else "chromium"
        )
        kind = kind if settings.browser == "auto" else settings.browser
        return FoundBrowser(kind, settings.browser_path, "DOSSIER_CRAWL_BROWSER_PATH")
    chromium = None if settings.browser == "lightpanda" else _managed() or _on_path()
    lightpanda = None if settings.browser == "chromium" else _lightpanda()
    return chromium or lightpanda


def _managed() -> FoundBrowser | None:
    configured = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    cache = "Library/Caches" if sys.platform == "darwin" else ".cache"
    root = Path(configured) if configured else Path.home() / cache / "ms-playwright"
    for pattern in _MANAGED:
        newest = max((p for p in root.glob(pattern) if os.access(p, os.X_OK)), default=None)
        if newest is not None:
            return FoundBrowser("chromium", str(newest), "managed by Playwright")
    return None


def _on_path() -> FoundBrowser | None:
    for name in _ON_PATH:
        if (path := shutil.which(name)) is not None:
            return FoundBrowser("chromium", path, "on the PATH")
    return None


def _lightpanda() -> FoundBrowser | None:
    """The engine inside the Python package: its own path, since the `lightpanda` command beside
    it is a Python script that costs a start-up."""
    spec = importlib.util.find_spec("lightpanda")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        engine = Path(folder) / "lightpanda"
        if os.access(engine, os.X_OK):
            return FoundBrowser("lightpanda", str(engine), "Python package lightpanda")
    path = shutil.which("lightpanda")
    return FoundBrowser("lightpanda", path, "on the PATH") if path else None
