import pytest

from libs.crawl.decoding import parse_html
from libs.crawl.rendering import needs_browser

TEXT = (
    "<p>"
    + "Acme plans the routes of field crews, and tells customers when they come. " * 8
    + "</p>"
)


@pytest.mark.parametrize(
    "html",
    [
        "<body><div id=root></div><script src=/a.js></script>",
        f"<body><header>{TEXT}</header><div id=app>Loading…</div><script src=/a.js></script>",
        f"<body>{TEXT}<main></main><script>render()</script>",
        f"<body><noscript>You need to enable JavaScript to run this app.</noscript>{TEXT}"
        "<script type=module src=/a.js></script>",
        "<body><p>Please wait...</p><script src=/a.js></script>",
        f"<body><nav>{TEXT}</nav><script src=/a.js></script>",
    ],
)
def test_shells_need_a_browser(html: str) -> None:
    assert needs_browser(parse_html(html))


@pytest.mark.parametrize(
    "html",
    [
        f"<body>{TEXT}",
        "<body><p>Short, but it has no scripts.</p>",
        "<body><p>Short.</p><script type='application/ld+json'>{}</script>",
        f"<body><div id=root>{TEXT}</div><script src=/a.js></script>",
        f"<body><main>{TEXT}</main><div id=app></div><script src=/a.js></script>",
        f"<body><noscript><img src=/pixel></noscript>{TEXT}<script src=/a.js></script>",
        "",
    ],
)
def test_pages_with_text_do_not(html: str) -> None:
    assert not needs_browser(parse_html(html))
