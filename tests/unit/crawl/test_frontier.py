from libs.crawl.frontier import Frontier
from libs.crawl.links import Link
from libs.crawl.plan import CrawlPlan, Focus
from libs.crawl.ranking import link_kind, link_score

HOME = "https://acme.example/"


def frontier(focus: Focus = Focus.CONTEXT, names: tuple[str, ...] = ()) -> Frontier:
    made = Frontier(CrawlPlan(start_urls=(HOME,), focus=focus, names=names))
    made.open_site(HOME, "en")
    made.take(HOME)
    return made


def order(made: Frontier, count: int) -> list[str]:
    chosen = (made.next() for _ in range(count))
    return [link.url.removeprefix(HOME) for link in chosen if link is not None]


def links(*paths: str) -> list[Link]:
    return [Link(HOME + path) for path in paths]


def test_a_company_is_known_by_about_product_pricing_and_customers() -> None:
    made = frontier()
    made.add(links(*(f"product/feature-{i}" for i in range(20))))
    made.add(links("blog/why-we-love-pricing-pages-so-much", "careers", "random", "docs/api"))
    made.add(links("customers", "pricing", "team", "about-us", "product", "contact"))
    first = order(made, 10)
    assert {"about-us", "product", "pricing", "customers", "team", "contact"} <= set(first)


def test_the_link_text_tells_where_the_url_does_not() -> None:
    made = frontier()
    made.add([Link(HOME + "p/17", "Imagery"), Link(HOME + "p/18", "Our customers")])
    assert order(made, 1) == ["p/18"]


def test_a_person_is_looked_for_where_they_are_named() -> None:
    made = frontier(Focus.PERSON, ("Zoë Marsh",))
    made.add(links("pricing", "about", "team"))
    made.add([Link(HOME + "blog/x", "An interview with Zoe Marsh"), Link(HOME + "p/zoe-marsh")])
    assert set(order(made, 2)) == {"blog/x", "p/zoe-marsh"}
    assert order(made, 2) == ["team", "about"]


def test_pages_that_say_nothing_are_left_out() -> None:
    made = frontier()
    made.add(links("login", "cart", "privacy", "a.pdf", "terms"))
    assert made.next() is None


def test_a_word_within_a_name_does_not_make_a_page_unwanted() -> None:
    assert link_score(Link(HOME + "product/enterprise-search"), Focus.CONTEXT) > 50


def test_articles_about_prices_are_articles() -> None:
    kind = link_kind(Link(HOME + "blog/pricing-update"))
    assert kind is not None
    assert kind.name == "blog"


def test_only_the_site_itself_is_followed() -> None:
    made = frontier()
    made.add([Link("https://other.example/about"), Link("https://sub.acme.example/about")])
    made.add([Link("https://www.acme.example/about")])
    assert made.next() == Link("https://www.acme.example/about")
    assert made.next() is None


def test_language_variants_are_left_out() -> None:
    made = frontier()
    made.add(links("de/about", "fr/pricing", "?lang=es"))
    made.add([Link(HOME + "ueber-uns", "Über uns", "de")])
    assert made.next() is None
    made.add(links("en/about"))
    assert order(made, 1) == ["en/about"]


def test_a_site_in_another_language_is_read_in_it() -> None:
    made = Frontier(CrawlPlan(start_urls=(HOME + "de/",)))
    made.open_site(HOME + "de/", "de")
    made.add(links("de/preise", "en/pricing"))
    assert order(made, 2) == ["de/preise"]


def test_a_page_is_offered_once() -> None:
    made = frontier()
    made.add([Link(HOME + "about", "About"), Link(HOME + "about/", "Who we are")])
    made.add(links("", "index.html"))
    assert order(made, 5) == ["about"]


def test_ten_thousand_links_are_no_burden() -> None:
    made = frontier()
    made.add(Link(f"{HOME}item/{i}") for i in range(10_000))
    assert len(order(made, 10)) == 10
