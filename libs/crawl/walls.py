"""Answers by which a site says that it does not want to be read. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from libs.crawl.outcomes import blocked, failed

_LINKEDIN_WALL_PATHS = ("/authwall", "/login", "/uas/login", "/checkpoint", "/signup", "/m/login")
_LINKEDIN_REASON = "LinkedIn shows this page to signed-in visitors only"
_TURNED_AWAY = frozenset({401, 403, 407, 429, 451, 999})


def is_linkedin(url: str) -> bool:
    """Whether the URL belongs to LinkedIn, where nothing is forced: no browser, no links, no
    second attempt."""
    host = urlsplit(url).hostname or ""
    return host == "linkedin.com" or host.endswith(".linkedin.com")


def check_location(url: str) -> None:
    """Judges where a redirect leads, before it is followed.

    Raises:
        PageEnded: to a login wall.
    """
    if is_linkedin(url) and urlsplit(url).path.startswith(_LINKEDIN_WALL_PATHS):
        raise blocked(_LINKEDIN_REASON)


def check_status(url: str, status: int, headers: Mapping[str, str]) -> None:
    """Judges the status of an answer.

    Raises:
        PageEnded: it is not a success.
    """
    host = urlsplit(url).hostname
    if headers.get("cf-mitigated") == "challenge":
        raise blocked(f"{host} asks visitors to prove that they are human")
    if status == 999 or (is_linkedin(url) and status in _TURNED_AWAY):
        raise blocked(f"{host} turns automated readers away (HTTP {status})")
    if status in _TURNED_AWAY:
        raise blocked(f"{host} does not let this page be read (HTTP {status})")
    if not 200 <= status < 300:
        raise failed(f"HTTP {status}")


def check_text(url: str, html: str) -> None:
    """Judges a page that came with status 200.

    Raises:
        PageEnded: it is a LinkedIn login form instead of the page.
    """
    if is_linkedin(url) and ("authwall" in html or "/uas/login-submit" in html):
        states_facts = "application/ld+json" in html or 'property="og:description"' in html
        if not states_facts:
            raise blocked(_LINKEDIN_REASON)
