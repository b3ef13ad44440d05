"""Whether a page shows its text only in a browser. Pure."""

import re

from lxml.html import HtmlElement

from libs.crawl.blocks import Block, content_blocks, text_length

LITTLE_TEXT_CHARS = 200
"""Less text than this on a page with scripts: an empty shell."""
EMPTY_ROOT_CHARS = 80
"""Less text than this in the element meant for the content: it is filled in later."""
NOTICE_TEXT_CHARS = 1500
"""A notice that asks for JavaScript counts only on a page with less text than this."""

_SCRIPT_TYPES = frozenset({"", "module", "text/javascript", "application/javascript"})
_ROOTS = (
    "//*[@id='root' or @id='app' or @id='__next' or @id='__nuxt' or @id='___gatsby'"
    " or @id='svelte' or @id='main' or @id='content' or @id='app-root' or @id='react-root'"
    " or @data-reactroot or @ng-app or @ng-version]"
    " | //app-root | //main | //*[@role='main']"
)
_NOTICE = re.compile(
    r"(enable|requires?|needs?|turn on|activate|without)\W.{0,20}java ?script", re.I
)
_LOADING = re.compile(r"(loading|please wait)\b.{0,15}", re.I)


def needs_browser(document: HtmlElement) -> bool:
    """Whether scripts are likely to add text that the HTML as served lacks."""
    if not _has_scripts(document):
        return False
    blocks = content_blocks(document)
    length = text_length(blocks)
    return (
        length < LITTLE_TEXT_CHARS
        or _has_empty_root(document)
        or (length < NOTICE_TEXT_CHARS and _asks_for_patience(document, blocks))
    )


def _has_scripts(document: HtmlElement) -> bool:
    return any((s.get("type") or "").lower() in _SCRIPT_TYPES for s in document.iter("script"))


def _has_empty_root(document: HtmlElement) -> bool:
    roots = document.xpath(_ROOTS)
    # One full root is enough: pages nest them, and leave some for dialogs.
    return bool(roots) and all(text_length(content_blocks(r)) < EMPTY_ROOT_CHARS for r in roots)


def _asks_for_patience(document: HtmlElement, blocks: list[Block]) -> bool:
    notices = (notice.text_content() for notice in document.iter("noscript"))
    return (
        any(_NOTICE.search(notice) for notice in notices)
        or any(_NOTICE.search(block.text) for block in blocks)
        or any(_LOADING.fullmatch(block.text) for block in blocks)
    )
