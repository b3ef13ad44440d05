"""What is sent of the sources: the likely ones first, as many as fit, delimited as data."""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence

from libs.contracts.sources import Source
from libs.generate.anthropic.budget import BYTES_PER_TOKEN
from libs.generate.pages import PageKind as K
from libs.generate.pages import page_kind

MAX_SHARE_OF_ONE = 0.4
"""Part of the space that one page may take, so that a long one does not crowd out the others."""

COMPANY_ORDER = (
    K.HOME, K.ABOUT, K.PRODUCT, K.LINKEDIN_COMPANY, K.PRICING, K.CUSTOMERS, K.NEWS, K.TEAM, K.OTHER,
    K.CAREERS,
)  # fmt: skip
MARKET_ORDER = (
    K.HOME, K.CUSTOMERS, K.PRODUCT, K.PRICING, K.ABOUT, K.NEWS, K.LINKEDIN_COMPANY, K.OTHER,
)  # fmt: skip
USER_ORDER = (K.LINKEDIN_PERSON,)
REPORT_ORDER = (
    K.LINKEDIN_PERSON, K.TEAM, K.ABOUT, K.HOME, K.NEWS, K.CUSTOMERS, K.PRODUCT, K.CAREERS,
    K.LINKEDIN_COMPANY, K.OTHER, K.PRICING,
)  # fmt: skip

_DELIMITER = re.compile(r"<(?=/?\s*(?:source|person)\b)", re.IGNORECASE)


def choose(sources: Iterable[Source], order: Sequence[K]) -> list[Source]:
    """The sources that were read and are of these kinds, in their order."""
    rank = {kind: place for place, kind in enumerate(order)}
    kinds = ((page_kind(s), s) for s in sources if s.was_read and s.text.strip())
    fitting = [(rank[kind], s) for kind, s in kinds if kind in rank]
    return [source for _, source in sorted(fitting, key=lambda pair: pair[0])]


def delimit(sources: Sequence[Source], limit_tokens: int) -> str:
    """The sources as data, cut at line ends to what fits into so many tokens."""
    left = limit_tokens * BYTES_PER_TOKEN
    most = int(left * MAX_SHARE_OF_ONE) if len(sources) > 2 else left
    parts: list[str] = []
    for source in sources:
        opening = f"<source id={json.dumps(source.id)} url={json.dumps(source.url)}>\n"
        room = min(left, most) - len(opening.encode()) - len("\n</source>\n")
        text = _fit(harmless(source.text), room)
        if text:
            part = f"{opening}{text}\n</source>\n"
            left -= len(part.encode())
            parts.append(part)
    return "".join(parts)


def harmless(text: str) -> str:
    """The text without invisible characters, and unable to close its own delimiter."""
    visible = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cf", "Cc", "Co"))
    return _DELIMITER.sub("&lt;", "".join(visible))


def _fit(text: str, limit_bytes: int) -> str:
    if len(text.encode()) <= limit_bytes:
        return text
    kept: list[str] = []
    for line in text.split("\n"):
        limit_bytes -= len(line.encode()) + 1
        if limit_bytes < 0:
            break
        kept.append(line)
    return "\n".join(kept).rstrip()
