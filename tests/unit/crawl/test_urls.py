import pytest

from libs.crawl.urls import canonical_url, looks_binary, page_key, site_of, url_language


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.COM:80", "http://example.com/"),
        ("https://example.com:443/A?b=1#frag", "https://example.com/A?b=1"),
        ("https://example.com/?utm_source=x&id=3&gclid=y", "https://example.com/?id=3"),
        ("https://example.com/?q=a%2Fb", "https://example.com/?q=a%2Fb"),
        ("http://0x7f.1:8080/", "http://127.0.0.1:8080/"),
        ("http://[0:0::1]:8080/", "http://[::1]:8080/"),
        ("/about", "https://base.example/about"),
        ("../up", "https://base.example/up"),
        ("//other.example/x", "https://other.example/x"),
        ("mailto:a@example.com", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("https://user:pw@example.com/", None),
        ("http://[::1", None),
        ("http://example.com:99999/", None),
        ("https://example.com/" + "x" * 3000, None),
    ],
)
def test_canonical_url(url: str, expected: str | None) -> None:
    assert canonical_url(url, "https://base.example/dir/page") == expected


def test_spellings_of_one_page_share_a_key() -> None:
    keys = {
        page_key(url)
        for url in (
            "http://example.com/about",
            "https://www.example.com/about/",
            "https://example.com/about/index.html",
        )
    }
    assert len(keys) == 1
    assert page_key("https://example.com/about?id=2") not in keys


def test_a_site_is_a_host_without_www_and_with_its_port() -> None:
    assert site_of("https://www.example.com/x") == site_of("http://example.com/")
    assert site_of("http://127.0.0.1:1/") != site_of("http://127.0.0.1:2/")
    assert site_of("https://blog.example.com/") != site_of("https://example.com/")


def test_files_are_not_pages() -> None:
    assert looks_binary("https://example.com/brochure.PDF?x=1")
    assert not looks_binary("https://example.com/pdf-tools")
    assert not looks_binary("https://example.com/page.html")


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/de/preise", "de"),
        ("/fr-CA/", "fr"),
        ("/?lang=es", "es"),
        ("/about", None),
        ("/ai/x", None),
    ],
)
def test_language_of_a_url(path: str, language: str | None) -> None:
    assert url_language(f"https://example.com{path}") == language
