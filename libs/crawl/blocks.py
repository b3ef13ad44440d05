"""The visible text of a document as blocks: headings, paragraphs, list items, table cells. Pure.

Works for pages that are not articles, where a main-content extractor finds
little: everything a visitor can read counts, except navigation and footers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree
from lxml.html import HtmlElement

from libs.crawl.text import one_line, word_set

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS = frozenset({"td", "th"})
_BLOCK_TAGS = (
    _HEADINGS
    | _CELLS
    | word_set(
        "address article aside blockquote body button caption dd details dialog div dl dt fieldset"
        " figcaption figure form header hr legend li main ol p pre section summary table tbody"
        " tfoot thead tr ul"
    )
)
# Not `head`: the parser keeps there what a page without a `body` tag says.
_SKIPPED_TAGS = word_set(
    "script style noscript template svg math iframe object embed canvas audio video select option"
    " textarea input nav footer title"
)
_SKIPPED_ROLES = frozenset({"navigation", "contentinfo", "search", "menu", "menubar", "dialog"})
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![\d.])|opacity\s*:\s*0(?![\d.])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that a reader sees as one. `tag` is the element that it stands in."""

    tag: str
    text: str

    @property
    def is_heading(self) -> bool:
        return self.tag in _HEADINGS

    def markdown(self) -> str:
        """One line of Markdown. Only a mark in front: the words stay as they are, to be quoted."""
        if self.is_heading:
            return f"## {self.text}"
        return f"- {self.text}" if self.tag == "li" else self.text


def content_blocks(element: HtmlElement) -> list[Block]:
    """The blocks of an element, in order, repeated ones once."""
    return list(dict.fromkeys(_blocks(element)))


def text_length(blocks: list[Block]) -> int:
    """Characters of text in the blocks."""
    return sum(len(block.text) for block in blocks)


def is_hidden(element: HtmlElement) -> bool:
    """Whether the element itself says that nobody sees it. Style sheets are not consulted."""
    style = element.get("style")
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or (style is not None and _HIDDEN_STYLE.search(style) is not None)
    )


def _blocks(root: HtmlElement) -> Iterator[Block]:
    """Walks without recursion, so that a deeply nested page costs no stack."""
    buffer: list[str] = []
    tags = ["div"]
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag if isinstance(element.tag, str) else "script"
        is_block = tag in _BLOCK_TAGS
        if event == "start":
            if _is_skipped(element, tag):
                walker.skip_subtree()
                continue
            if is_block:
                yield from _flush(buffer, tags[-1])
                # A paragraph or link inside a heading or list item is still that.
                keeps = tags[-1] in _HEADINGS or tags[-1] == "li"
                tags.append(tags[-1] if keeps and tag in ("div", "p") else tag)
            elif tag == "br":
                buffer.append(" ")
            buffer.append(element.text or "")
        else:
            if is_block and not _is_skipped(element, tag):
                yield from _flush(buffer, tags.pop())
            if element is not root:
                buffer.append(element.tail or "")
    yield from _flush(buffer, tags[-1])


def _is_skipped(element: HtmlElement, tag: str) -> bool:
    return tag in _SKIPPED_TAGS or element.get("role") in _SKIPPED_ROLES or is_hidden(element)


def _flush(buffer: list[str], tag: str) -> Iterator[Block]:
    text = one_line("".join(buffer))
    buffer.clear()
    if text:
        yield Block(tag, text)
