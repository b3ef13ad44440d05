import gzip

import pytest

from libs.crawl.decoding import decode_html, meta_refresh_target
from libs.crawl.sitemap import parse_sitemap


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ("Zoë".encode("latin-1"), "text/html; charset=iso-8859-1", "Zoë"),
        ("<meta charset='iso-8859-1'>Zoë".encode("latin-1"), "text/html", None),
        ("Zoë".encode(), "text/html", "Zoë"),
        ("\ufeffZoë".encode(), "text/html", "Zoë"),
        ("Zoë".encode("utf-16"), "text/html", "Zoë"),
        ("Zoë “x”".encode("cp1252"), "text/html; charset=utf-8", "Zoë “x”"),
        ("Zoë".encode(), "text/html; charset=no-such", "Zoë"),
        (b"", "", ""),
    ],
)
def test_bytes_become_text(body: bytes, content_type: str, expected: str | None) -> None:
    text = decode_html(body, content_type)
    assert "Zoë" in text if expected is None else text == expected


def test_an_immediate_refresh_is_a_redirect() -> None:
    at_once = '<meta http-equiv="refresh" content="0; url=/new?a=1&amp;b=2">'
    assert meta_refresh_target(at_once) == "/new?a=1&b=2"
    assert meta_refresh_target('<meta http-equiv="refresh" content="300; url=/x">') is None
    assert meta_refresh_target('<meta http-equiv="refresh" content="5">') is None


def test_a_sitemap_lists_pages_or_further_sitemaps() -> None:
    pages = b"<urlset><url><loc> https://a.example/x?a=1&amp;b=2 </loc></url></urlset>"
    assert parse_sitemap(pages) == (["https://a.example/x?a=1&b=2"], [])
    assert parse_sitemap(gzip.compress(pages))[0] == ["https://a.example/x?a=1&b=2"]
    index = b"<sitemapindex><sitemap><loc>https://a.example/1.xml</loc></sitemap></sitemapindex>"
    assert parse_sitemap(index) == ([], ["https://a.example/1.xml"])
    assert parse_sitemap(b"<html>not found</html>") == ([], [])
    assert parse_sitemap(b"\x1f\x8bbroken") == ([], [])
