"""URLs as the crawler compares them. Pure."""

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from libs.crawl.addresses import canonical_host
from libs.crawl.text import word_set

MAX_URL_CHARS = 2000

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(
    r"utm_.*|mc_[ce]id|[gdmf]clid|fbclid|msclkid|yclid|igshid|_ga|_gl|hs(CtaTracking|_\w+)|ref_src|trk",
    re.IGNORECASE,
)
_BINARY_PATH = re.compile(
    r"\.(png|jpe?g|gif|webp|avif|svg|ico|bmp|tiff?|css|js|mjs|json|xml|rss|atom|txt|csv|pdf|docx?|xlsx?"
    r"|pptx?|odt|epub|zip|gz|tgz|bz2|xz|7z|rar|dmg|exe|msi|deb|rpm|apk|iso|bin|wasm|map|ics|vcf"
    r"|mp[34]|m4[av]|mov|avi|mkv|webm|ogg|wav|flac|woff2?|ttf|otf|eot)$",
    re.IGNORECASE,
)
_INDEX_PAGE = re.compile(r"/(index|default)\.(html?|php|aspx?)$", re.IGNORECASE)
_LANGUAGES = word_set(
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl no pl pt ro"
    " ru sk sl sr sv th tr uk vi zh"
)
_LANGUAGE_SEGMENT = re.compile(r"([a-z]{2})([-_][a-z]{2,4})?", re.IGNORECASE)


def canonical_url(url: str, base: str = "") -> str | None:
    """The URL to request: absolute, without fragment, tracking parameters and default port.

    None when it is not a web address a crawl can ask for (another scheme,
    credentials, no host, too long, malformed).
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()))
        port = parts.port
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
            return None
        host = canonical_host(parts.hostname)
        host = f"[{host}]" if ":" in host else host
    except ValueError:
        return None
    if port not in (None, _DEFAULT_PORTS[parts.scheme]):
        host = f"{host}:{port}"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if any(_TRACKING.fullmatch(name) for name, _ in pairs):
        query = urlencode([pair for pair in pairs if not _TRACKING.fullmatch(pair[0])])
    else:
        query = parts.query  # as written: encoding it again could change what the server sees
    path = parts.path.replace(" ", "%20") or "/"
    result = urlunsplit(SplitResult(parts.scheme, host, path, query, ""))
    return result if len(result) <= MAX_URL_CHARS else None


def page_key(url: str) -> str:
    """Equal for URLs that name the same page: scheme, `www.`, a final slash and `index.html`
    make no difference."""
    parts = urlsplit(url)
    path = _INDEX_PAGE.sub("/", parts.path).rstrip("/")
    return f"{site_of(url)}{path}?{parts.query}"


def site_of(url: str) -> str:
    """The site a URL belongs to: its host without `www.`, with the port if it has its own."""
    return urlsplit(url).netloc.lower().removeprefix("www.")


def looks_binary(url: str) -> bool:
    """Whether the path ends like a file that is not a page."""
    return bool(_BINARY_PATH.search(urlsplit(url).path))


def url_language(url: str) -> str | None:
    """The language that the first path segment or a `lang` parameter names: `de` for `/de-at/x`."""
    parts = urlsplit(url)
    first = parts.path.lstrip("/").partition("/")[0]
    candidates = [first] + [v for k, v in parse_qsl(parts.query) if k in ("lang", "locale", "hl")]
    for candidate in candidates:
        match = _LANGUAGE_SEGMENT.fullmatch(candidate)
        if match and match[1].lower() in _LANGUAGES:
            return match[1].lower()
    return None
