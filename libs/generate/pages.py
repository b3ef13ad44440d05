"""What kind of page a source is, and whose: by its address and title alone."""

import re
from enum import StrEnum
from urllib.parse import urlsplit

from libs.contracts.sources import Source


class PageKind(StrEnum):
    """What a page is likely to say."""

    HOME = "home"
    ABOUT = "about"
    PRODUCT = "product"
    PRICING = "pricing"
    CUSTOMERS = "customers"
    TEAM = "team"
    NEWS = "news"
    CAREERS = "careers"
    CONTACT = "contact"
    LEGAL = "legal"
    LINKEDIN_COMPANY = "linkedin_company"
    LINKEDIN_PERSON = "linkedin_person"
    OTHER = "other"


_WORDS: tuple[tuple[PageKind, str], ...] = (
    (
        PageKind.LEGAL,
        "privacy|terms|imprint|impressum|legal|cookies?|gdpr|datenschutz|agb|disclaimer"
        "|accessibility",
    ),
    (PageKind.TEAM, "team|people|leadership|management|founders|board|staff|experts"),
    (
        PageKind.CUSTOMERS,
        "customers?|case|cases|clients?|stories|story|references?|testimonials?|success"
        "|kunden|referenzen|work|projects?|industries|sectors|markets|use",
    ),
    (PageKind.PRICING, "pricing|prices?|plans|preise"),
    (PageKind.NEWS, "news|press|blog|changelog|updates|announcements?|articles?|insights|events"),
    (PageKind.CAREERS, "careers?|jobs|join|hiring|karriere|vacancies"),
    (PageKind.CONTACT, "contact|kontakt|support|help|login|signin|signup|demo"),
    (PageKind.ABOUT, "about|company|mission|story|history|who|unternehmen|values"),
    (
        PageKind.PRODUCT,
        "products?|platform|features?|solutions?|services?|how|technology|software|produkte"
        "|leistungen|capabilities|integrations?|tour|offer",
    ),
)
_KINDS = tuple((kind, re.compile(rf"(?<![a-z])(?:{words})(?![a-z])")) for kind, words in _WORDS)
_TITLE_KINDS = (
    (PageKind.ABOUT, re.compile(r"^(?:about\b|our story|who we are|über uns)")),
    (PageKind.TEAM, re.compile(r"^(?:(?:our|meet the) (?:team|people)|team|leadership)\b")),
    (PageKind.PRICING, re.compile(r"^(?:pricing|plans)\b")),
    (PageKind.CUSTOMERS, re.compile(r"^(?:(?:our )?customers?|case stud)")),
    (PageKind.NEWS, re.compile(r"^(?:news|press|blog)\b")),
    (PageKind.CAREERS, re.compile(r"^(?:careers?|jobs|open positions)\b")),
    (PageKind.LEGAL, re.compile(r"^(?:privacy|terms|imprint|impressum|cookie)\b")),
)


def host(url: str | None) -> str:
    """The host of an address, without `www.`; empty where there is none."""
    if not url:
        return ""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return (parts.hostname or "").removeprefix("www.") + port


def is_linkedin(url: str) -> bool:
    name = host(url)
    return name == "linkedin.com" or name.endswith(".linkedin.com")


def page_kind(source: Source) -> PageKind:
    """The kind of a page, from its path first, then from its title."""
    path = urlsplit(source.url).path.lower().strip("/")
    if is_linkedin(source.url):
        return PageKind.LINKEDIN_PERSON if path.startswith("in/") else PageKind.LINKEDIN_COMPANY
    path = re.sub(r"\.(?:html?|php|aspx?)$", "", path)
    if path in ("", "index", "home", "en", "de", "fr", "es"):
        return PageKind.HOME
    # A story below a section belongs to the section: the first segment decides.
    for segment in path.split("/"):
        for kind, pattern in _KINDS:
            if pattern.search(segment):
                return kind
    title = (source.metadata.title or "").strip().lower()
    for kind, pattern in _TITLE_KINDS:
        if pattern.search(title):
            return kind
    return PageKind.OTHER
