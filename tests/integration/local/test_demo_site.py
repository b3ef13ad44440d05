"""The bundled site is a real one over HTTP, and some of its pages need JavaScript."""

from collections.abc import Iterator

import httpx
import pytest

from deploy.local.demo_site.site import build, served
from deploy.local.ports import free_ports

NEEDS_JAVASCRIPT = {"/product": "rebuilds it within 40 seconds", "/customers": "Harrow & Pike"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(free_ports(1)[0]) as origin, httpx.Client(base_url=origin) as one:
        yield one


def test_every_link_leads_to_a_page(client: httpx.Client) -> None:
    links = {
        link.partition('"')[0]
        for path, (kind, body) in build("http://x").items()
        if kind == "text/html"
        for link in [*body.decode().split('href="/')[1:], path.lstrip("/")]
    }
    assert len(links) >= 12
    for link in links:
        assert client.get(f"/{link}").status_code == 200, link


@pytest.mark.parametrize(("path", "words"), NEEDS_JAVASCRIPT.items())
def test_the_text_of_some_pages_is_not_in_their_html(
    client: httpx.Client, path: str, words: str
) -> None:
    assert words not in client.get(path).text
    assert words in client.get(f"/assets{path}.json").text


def test_robots_and_sitemap_name_the_address_of_the_site(client: httpx.Client) -> None:
    origin = str(client.base_url).rstrip("/")
    assert f"Sitemap: {origin}/sitemap.xml" in client.get("/robots.txt").text
    assert "Disallow: /investors" in client.get("/robots.txt").text
    assert f"<loc>{origin}/team/maren-aldous</loc>" in client.get("/sitemap.xml").text


def test_an_unknown_page_is_not_found(client: httpx.Client) -> None:
    assert client.get("/careers").status_code == 404
    assert client.head("/about?from=mail").status_code == 200
