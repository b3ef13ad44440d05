"""From HTML to what a source stores: metadata, and a snapshot that can be quoted. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import trafilatura
from lxml.html import HtmlElement

from libs.contracts.sources import SNAPSHOT_LIMIT_BYTES, PageMetadata
from libs.crawl.blocks import Block, content_blocks, is_hidden, text_length
from libs.crawl.decoding import parse_html
from libs.crawl.links import Link, page_links
from libs.crawl.metadata import head_facts, is_article, page_metadata
from libs.crawl.rendering import needs_browser
from libs.crawl.text import cut_bytes, one_line

ARTICLE_SHARE = 0.5
"""The share of the visible text that trafilatura must keep of an article to be believed."""
MAX_ARTICLE_CHARS = 1_000_000
"""trafilatura is not asked about a longer page: it would take minutes over it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything the crawler wants to know of one page's HTML."""

    text: str
    """The snapshot, as documented at `Source.text`."""
    body_chars: int
    """Characters of its body; the head facts are not counted."""
    metadata: PageMetadata
    links: list[Link]
    needs_browser: bool

    @property
    def says_something(self) -> bool:
        """Whether there is more than a title, which an empty shell has too."""
        return bool(self.body_chars or self.metadata.description or self.metadata.json_ld)


def read_html(html: str, url: str) -> Reading:
    """Reads a page. Takes 5-50 ms of CPU: call it in a thread. Never fails on bad HTML."""
    document = parse_html(html)
    blocks = content_blocks(document)
    metadata = page_metadata(document, blocks)
    links = page_links(document, url)
    wants_browser = needs_browser(document)
    body = _body(document, metadata, blocks, len(html))  # last: it changes the tree
    snapshot = "\n".join(head_facts(metadata)) + "\n\n" + "\n".join(b.markdown() for b in body)
    return Reading(
        text=cut_bytes(snapshot.strip(), SNAPSHOT_LIMIT_BYTES),
        body_chars=text_length(body),
        metadata=metadata,
        links=links,
        needs_browser=wants_browser,
    )


def _body(
    document: HtmlElement, metadata: PageMetadata, visible: list[Block], html_chars: int
) -> list[Block]:
    """The main content of an article, else everything visible.

    Only a page that calls itself an article is given to trafilatura: of landing
    pages, price lists and team pages, which are the main case, it would drop
    the headings, cards and tables that we come for.
    """
    if not is_article(metadata) or html_chars > MAX_ARTICLE_CHARS:
        return visible
    article = _article(document)
    return article if text_length(article) >= ARTICLE_SHARE * text_length(visible) else visible


def _article(document: HtmlElement) -> list[Block]:
    """What trafilatura takes for the main content. It would take hidden text too."""
    for element in [e for e in document.iter() if isinstance(e.tag, str) and is_hidden(e)]:
        if element.getparent() is not None:
            element.drop_tree()
    found: Any = trafilatura.bare_extraction(
        document, include_comments=False, include_tables=True, favor_recall=True
    )
    return list(_article_blocks(found.body)) if found is not None else []


def _article_blocks(body: Any) -> Iterator[Block]:
    """trafilatura's own element names, mapped to those of HTML."""
    tags = {"head": "h2", "item": "li", "cell": "td", "p": "p", "quote": "p", "code": "p"}
    for element in body.iter(*tags):
        has_blocks = any(child is not element for child in element.iter(*tags))
        text = one_line(element.text or "" if has_blocks else element.xpath("string()"))
        if text:
            yield Block(tags[element.tag], text)
        tail = one_line(element.tail or "")
        if tail:
            yield Block("p", tail)
