"""The URLs that a sitemap lists. Pure."""

import html
import re
import zlib

SITEMAP_LIMIT_BYTES = 2_000_000
MAX_URLS = 2000
MAX_CHILDREN = 3
"""Sitemaps read of an index."""

# By pattern and not by an XML parser: nothing to expand, nothing to load, and broken XML is fine.
_LOCATION = re.compile(r"<loc>\s*(?:<!\[CDATA\[)?\s*([^<\]]{1,2000}?)\s*(?:\]\]>)?\s*</loc>", re.I)
_GZIP_MAGIC = b"\x1f\x8b"


def parse_sitemap(body: bytes) -> tuple[list[str], list[str]]:
    """The pages and the further sitemaps that a sitemap (or sitemap index) names."""
    if body.startswith(_GZIP_MAGIC):
        try:
            body = zlib.decompressobj(47).decompress(body, SITEMAP_LIMIT_BYTES)
        except zlib.error:
            return [], []
    text = body.decode("utf-8", "replace")
    found = [html.unescape(match[1]) for match in _LOCATION.finditer(text)][:MAX_URLS]
    return ([], found[:MAX_CHILDREN]) if "<sitemapindex" in text[:2000] else (found, [])
