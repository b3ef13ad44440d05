import asyncio

import pytest

from libs.contracts.sources import SourceStatus
from libs.crawl.outcomes import PageEnded, failed
from libs.crawl.robots import ROBOTS_LIMIT_BYTES, RobotsCache, agent_token, judge

RULES = b"""
User-agent: *
Disallow: /private
User-agent: Dossier
Disallow: /no-dossier
Sitemap: https://example.com/map.xml
"""


def why_blocked(status: int, body: bytes, path: str, agent: str = "Dossier") -> str | None:
    try:
        judge(status, body).check(f"https://example.com{path}", agent)
    except PageEnded as ended:
        assert ended.status is SourceStatus.BLOCKED
        return ended.reason
    return None


def test_rules_are_obeyed_and_named() -> None:
    assert why_blocked(200, RULES, "/no-dossier/x") == (
        "robots.txt of example.com does not allow /no-dossier/x"
    )
    assert why_blocked(200, RULES, "/private", agent="Other") is not None
    assert why_blocked(200, RULES, "/private") is None
    assert judge(200, RULES).sitemaps == ["https://example.com/map.xml"]


def test_no_file_allows_and_a_server_in_trouble_does_not() -> None:
    assert why_blocked(404, b"", "/") is None
    assert why_blocked(403, b"", "/") is None
    assert "could not be read: HTTP 503" in (why_blocked(503, b"", "/") or "")


def test_only_the_first_512_kib_count() -> None:
    body = b"User-agent: *\n" + b"#" * ROBOTS_LIMIT_BYTES + b"\nDisallow: /\n"
    assert why_blocked(200, body, "/x") is None


def test_anything_can_be_parsed() -> None:
    assert why_blocked(200, b"\xff\xfe\x00<html>", "/") is None


def test_our_name_is_taken_from_the_user_agent() -> None:
    assert agent_token("Dossier/0.1 (+https://example.com)") == "Dossier"


async def test_a_file_is_read_once_for_many_pages_and_again_after_a_failure() -> None:
    asked: list[str] = []

    async def fetch(url: str) -> tuple[int, bytes]:
        asked.append(url)
        await asyncio.sleep(0)
        if len(asked) == 1:
            raise failed("away")
        return 200, RULES

    cache = RobotsCache(fetch)
    with pytest.raises(PageEnded, match="away"):
        await cache.of("https://example.com/a")
    await asyncio.gather(*(cache.of(f"https://example.com/{i}") for i in range(5)))
    assert asked == ["https://example.com/robots.txt"] * 2
    await cache.close()
