"""The links of a page. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml.html import HtmlElement

from libs.crawl.urls import canonical_url

MAX_LINKS = 2000
"""Links taken from one page; the rest of an endless list adds nothing."""
MAX_TEXT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a page, as found on a page or in a sitemap (then without text)."""

    url: str
    text: str = ""
    language: str | None = None
    """The language that the link itself declares (`hreflang`)."""


def page_links(document: HtmlElement, page_url: str) -> list[Link]:
    """The links of a document in order, each URL once per text."""
    return list(dict.fromkeys(_links(document, page_url)))[:MAX_LINKS]


def _links(document: HtmlElement, page_url: str) -> Iterator[Link]:
    base_href = document.xpath("string(//base/@href)")
    base = canonical_url(base_href, page_url) or page_url
    for position, anchor in enumerate(document.iter("a")):
        if position >= 2 * MAX_LINKS:
            return
        href = anchor.get("href")
        url = canonical_url(href, base) if href else None
        if url is not None:
            text = " ".join(anchor.text_content().split()) or anchor.get("aria-label") or ""
            yield Link(url, text[:MAX_TEXT_CHARS], anchor.get("hreflang"))
