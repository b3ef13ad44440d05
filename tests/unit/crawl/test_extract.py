import json

from libs.contracts.sources import SNAPSHOT_LIMIT_BYTES
from libs.crawl.extract import read_html

URL = "https://acme.example/"
LANDING = """<!doctype html><html lang="en"><head><title>Acme — calm scheduling</title>
<meta name="description" content="Scheduling for field crews.">
<meta property="og:site_name" content="Acme">
<script type="application/ld+json">{"@graph": [
 {"@type": "Organization", "name": "Acme GmbH", "foundingDate": 2016, "logo": "x.png",
  "founder": [{"@type": "Person", "name": "Zoë Marsh"}]},
 {"@type": "BreadcrumbList", "itemListElement": []}]}</script></head>
<body><nav><a href="/about">About</a><a href="/de/">Deutsch</a></nav>
<header><h1>Calm <em>scheduling</em> for field crews</h1></header>
<section><div>Plan <b>routes, shifts</b> and parts on one board.</div>
<ul><li>Works <a href="/offline">offline</a></li><li><p>Speaks 14 languages</p></li></ul>
<table><tr><th>Plan</th><th>Price</th></tr><tr><td>Crew</td><td>€30 a month</td></tr></table>
<p style="display: none">secret one</p><p hidden>secret two</p>
<div aria-hidden="true">secret 3</div>
<p style="font-size:0px">secret 4</p><script>var secret5</script></section>
<footer>© Acme 2026</footer></body></html>"""


def test_a_landing_page_becomes_quotable_lines() -> None:
    assert read_html(LANDING, URL).text.split("\n") == [
        "title: Acme — calm scheduling",
        "description: Scheduling for field crews.",
        "og:site_name: Acme",
        "Organization.name: Acme GmbH",
        "Organization.foundingDate: 2016",
        "Organization.founder.name: Zoë Marsh",
        "",
        "## Calm scheduling for field crews",
        "Plan routes, shifts and parts on one board.",
        "- Works offline",
        "- Speaks 14 languages",
        "Plan",
        "Price",
        "Crew",
        "€30 a month",
    ]


def test_metadata_says_what_the_head_says() -> None:
    metadata = read_html(LANDING, URL).metadata
    assert metadata.title == "Acme — calm scheduling"
    assert metadata.site_name == "Acme"
    assert metadata.language == "en"
    assert metadata.headings == ("Calm scheduling for field crews",)
    assert metadata.json_ld[0]["name"] == "Acme GmbH"


def test_links_come_from_the_whole_page() -> None:
    urls = [link.url for link in read_html(LANDING, URL).links]
    assert urls == [URL + "about", URL + "de/", URL + "offline"]


def test_an_article_is_freed_of_what_surrounds_it() -> None:
    sentences = [
        f"Sentence number {i} tells of the long way from Turin to Graz." for i in range(12)
    ]
    html = (
        '<html><head><title>A way</title><meta property="og:type" content="article"></head><body>'
        "<aside class='sidebar'><p>Subscribe to our newsletter</p></aside><article><h1>A way</h1>"
        + "".join(f"<p>{s} <i>It was</i> worth it.</p>" for s in sentences)
        + "</article><div class='related-posts'><p>Related: buy now</p></div></body></html>"
    )
    text = read_html(html, URL).text
    assert all(f"{s} It was worth it." in text for s in sentences)
    assert "newsletter" not in text


def test_a_page_without_a_body_tag_is_read() -> None:
    assert read_html("<title>T</title><main><p>Hello there.</p></main>", URL).text == (
        "title: T\n\nHello there."
    )


def test_a_snapshot_keeps_within_its_limit_at_the_end_of_a_line() -> None:
    line = "Ä line of some length that is told again and again, number "
    html = "<body>" + "".join(f"<p>{line}{i}.</p>" for i in range(20_000))
    text = read_html(html, URL).text
    assert SNAPSHOT_LIMIT_BYTES - 200 < len(text.encode()) <= SNAPSHOT_LIMIT_BYTES
    assert text.endswith(".")


def test_characters_that_no_database_stores_are_dropped() -> None:
    facts = json.dumps({"@type": "Organization", "name": "A\x00c\ud800me"})
    reading = read_html(
        f"<script type='application/ld+json'>{facts}</script><p>One\x00 \x08two</p>", URL
    )
    assert "Organization.name: Acme" in reading.text
    assert reading.text.endswith("One two")
    assert reading.metadata.json_ld[0]["name"] == "Acme"
    reading.metadata.model_dump_json()


def test_broken_pages_are_read_as_far_as_they_go() -> None:
    assert read_html("", URL).text == ""
    assert read_html("\x00", URL).text == ""
    assert "cut" in read_html("<p>cut <b", URL).text
    assert read_html("<script type='application/ld+json'>{nope</script><p>ok", URL).text == "ok"
    deep = "<div>" * 50_000 + "deep"
    assert read_html(deep, URL).metadata.title is None
    nested = "<script type='application/ld+json'>" + "[" * 100_000 + "</script>fine"
    assert read_html(nested, URL).text == "fine"
