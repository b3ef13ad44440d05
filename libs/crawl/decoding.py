"""From the bytes of a page to its text and its document tree. Pure."""

import codecs
import html as html_module
import re

from lxml import html as lxml_html

_HEADER_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_META_REFRESH = re.compile(
    r"<meta[^>]{0,200}?http-equiv=[\"']?refresh[\"']?[^>]{0,200}?"
    r"content=[\"']\s*(\d+)\s*[;,]\s*url\s*=\s*[\"']?([^\"'>]+)",
    re.IGNORECASE,
)
_SNIFFED = 4096
MAX_REFRESH_DELAY_S = 10
"""A slower refresh is a page that updates itself, not a redirect."""


def decode_html(body: bytes, content_type: str) -> str:
    """The text of a page by the charset of its header, else of its head, else UTF-8.

    Never fails: bytes that do not fit become replacement characters.
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    in_header = _HEADER_CHARSET.search(content_type)
    in_head = _META_CHARSET.search(body[:_SNIFFED])
    declared = in_header[1] if in_header else in_head[1].decode("ascii") if in_head else "utf-8"
    try:
        return body.decode(declared).removeprefix("\ufeff")
    except (LookupError, UnicodeError):
        pass
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def meta_refresh_target(html: str) -> str | None:
    """Where a page sends its visitor at once by `<meta http-equiv="refresh">`."""
    match = _META_REFRESH.search(html[:_SNIFFED])
    if match is None or int(match[1]) > MAX_REFRESH_DELAY_S:
        return None
    return html_module.unescape(match[2]).strip()


def parse_html(html: str) -> lxml_html.HtmlElement:
    """The document tree. An empty or unreadable page gives an empty document."""
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    data = html.encode("utf-8", "replace").replace(b"\x00", b"")
    if not data.strip():
        data = b"<html></html>"
    try:
        return lxml_html.document_fromstring(data, parser=parser)
    except (ValueError, lxml_html.etree.LxmlError):
        return lxml_html.document_fromstring(b"<html></html>", parser=parser)
