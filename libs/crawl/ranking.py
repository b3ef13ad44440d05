"""How much a link promises, judged by the words of its URL and its text. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from libs.crawl.links import Link
from libs.crawl.plan import Focus

NAMED_PERSON_SCORE = 300.0
OTHER_SCORE = 15.0
DEPTH_PENALTY = 10.0
"""Taken off for every path segment after the first: `/pricing` before `/blog/2020/pricing`."""
QUERY_PENALTY = 15.0
MAX_LABEL_WORDS = 4
"""A longer slug or text is a headline; the words in it say little about the kind of page."""
REPEAT_PENALTY = 30.0
"""Taken off for every page already chosen of the same kind, so that ten product pages do not
push out the one that names the customers."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of page: the words that give it away, and its worth for each focus."""

    name: str
    words: str
    context: float
    person: float


UNWANTED: Final = Kind(
    "unwanted",
    "login signin sign-in log-in signup sign-up register cart checkout basket wishlist account"
    " password unsubscribe privacy cookie cookies terms tos agb datenschutz gdpr wp-admin wp-login"
    " search tag tags feed print share logout status",
    -1,
    -1,
)

KINDS: Final = (
    Kind(
        "about",
        "about about-us aboutus company who-we-are our-story story mission our-mission values"
        " uber-uns ueber-uns unternehmen a-propos qui-sommes-nous nosotros quienes-somos chi-siamo",
        100,
        80,
    ),
    Kind(
        "pricing",
        "pricing prices plans plans-and-pricing packages preise tarifs tarif precios prezzi",
        90,
        15,
    ),
    Kind(
        "product",
        "product products platform features feature solutions solution services service overview"
        " how-it-works what-we-do capabilities produkt produkte leistungen produits productos",
        90,
        25,
    ),
    Kind(
        "customers",
        "customers customer case-studies case-study casestudies clients references"
        " success-stories customer-stories testimonials kunden referenzen clientes",
        85,
        25,
    ),
    Kind(
        "team",
        "team our-team the-team people leadership founders founder management board staff"
        " executives equipe equipo mitarbeiter",
        75,
        150,
    ),
    Kind("use-cases", "use-cases use-case usecases industries industry sectors branchen", 60, 10),
    Kind("author", "author authors contributors speaker speakers bio profile", 10, 110),
    Kind("contact", "contact contact-us kontakt contacto imprint impressum legal-notice", 45, 40),
    Kind("careers", "careers career jobs join-us karriere", 30, 25),
    Kind("faq", "faq faqs help questions", 35, 5),
    Kind("news", "news press newsroom media announcements aktuelles presse", 25, 70),
    Kind("blog", "blog articles insights resources stories magazine podcast events", 20, 60),
    Kind("docs", "docs documentation developers api guides changelog integrations", 20, 5),
)

_WORD = re.compile(r"[a-z0-9]+")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case without accents; a URL path gives its parts."""
    plain = unicodedata.normalize("NFKD", unquote(text)).encode("ascii", "ignore").decode()
    return _WORD.findall(plain.lower())


def link_kind(link: Link) -> Kind | None:
    """What kind of page a link promises: by its path, else by its text.

    The last path segment that says something decides, except below a section of
    articles: `/blog/pricing-update` is an article, not the pricing page.
    """
    segments = [s for s in urlsplit(link.url).path.split("/") if s]
    kinds = [kind for segment in segments if (kind := _kind_of(words_of(_stem(segment))))]
    if kinds:
        return next((kind for kind in kinds if kind.name in _SECTIONS), kinds[-1])
    return _kind_of(words_of(link.text))


def link_score(link: Link, focus: Focus, names: tuple[str, ...] = ()) -> float:
    """The worth of a link; negative for one that is never worth a page."""
    kind = link_kind(link)
    if kind is UNWANTED:
        return UNWANTED.context
    parts = urlsplit(link.url)
    depth = max(0, len([s for s in parts.path.split("/") if s]) - 1)
    score = OTHER_SCORE if kind is None else getattr(kind, focus.value)
    if focus is Focus.PERSON and _mentions(link, names):
        score += NAMED_PERSON_SCORE
    score -= depth * DEPTH_PENALTY + (QUERY_PENALTY if parts.query else 0.0)
    return max(score, 0.0)


def _mentions(link: Link, names: tuple[str, ...]) -> bool:
    found = set(words_of(urlsplit(link.url).path)) | set(words_of(link.text))
    return any(wanted <= found for name in names if (wanted := set(words_of(name))))


def _stem(segment: str) -> str:
    return segment.rpartition(".")[0] or segment


def _kind_of(words: list[str]) -> Kind | None:
    """The first kind of which a key occurs among a few words; unwanted ones must match whole,
    since `enterprise-search` is a product and not a search form."""
    if not words or len(words) > MAX_LABEL_WORDS:
        return None
    label = f"-{'-'.join(words)}-"
    if label in _UNWANTED_KEYS:
        return UNWANTED
    return next((kind for kind, keys in _KEYS if any(key in label for key in keys)), None)


_SECTIONS: Final = frozenset({"blog", "news", "docs", "unwanted"})
_UNWANTED_KEYS: Final = frozenset(f"-{word}-" for word in UNWANTED.words.split())
_KEYS: Final = [(kind, [f"-{word}-" for word in kind.words.split()]) for kind in KINDS]
