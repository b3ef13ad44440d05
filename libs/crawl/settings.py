"""Settings of the crawl library, read from `DOSSIER_CRAWL_*`."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CrawlSettings(BaseSettings):
    """Limits and manners of a crawl. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="DOSSIER_CRAWL_", use_attribute_docstrings=True, frozen=True
    )

    max_pages: int = Field(default=10, ge=1, le=1000)
    """Pages read per crawl, unless the plan asks for fewer."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """Pages under way at once in one crawl."""
    browser_tabs: int = Field(default=4, ge=1, le=16)
    """Pages under way at once in the browser, over all crawls of the process."""
    page_timeout_s: float = Field(default=20.0, gt=0)
    """Longest time for one page in one tier."""
    settle_timeout_s: float = Field(default=3.0, ge=0)
    """Longest wait in the browser for a loaded page to show its text."""
    crawl_timeout_s: float = Field(default=120.0, gt=0)
    """Longest time for a whole crawl; pages still under way then are skipped."""
    connect_timeout_s: float = Field(default=5.0, gt=0)
    """Longest wait for a name to resolve, and for each address to accept a connection."""
    max_bytes: int = Field(default=5_000_000, ge=1000)
    """Longest response, counted after decompression."""
    max_connection_bytes: int = Field(default=20_000_000, ge=1000)
    """Most bytes the guard lets through one connection: a browser's connection carries many."""
    max_redirects: int = Field(default=5, ge=0)
    """Longest chain of redirects that is followed."""
    user_agent: str = "Dossier/0.1 (self-hosted; its operator has set no contact)"
    """Sent with every request and matched against robots.txt. Put your contact URL here:
    `Dossier/0.1 (+https://example.com/crawler)`."""
    allow_hosts: str = ""
    """Comma-separated `host` or `host:port` that may be private or on another port than 80/443."""
    browser: Literal["auto", "chromium", "lightpanda", "none"] = "auto"
    """Which browser renders pages; `auto` takes an installed Chromium, else lightpanda."""
    browser_path: str | None = None
    """Executable of the browser, where it should not be searched for."""
    browser_idle_s: float = Field(default=30.0, gt=0)
    """The browser is closed when it had nothing to do for this long."""
