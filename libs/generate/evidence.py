"""The evidence rule: what a draft says is kept only if its quotes stand in the named source.

Pure functions. The owning services apply them to every draft, whoever wrote
it, against the snapshots that they have stored themselves.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from libs.contracts.context import ContextDraft, Evidence, Sections
from libs.contracts.research import Claim, ReportDraft

FREEFORM_SOURCE_ID = "freeform"
"""Stands for the user's own free text where a context field rests on that, not on a page."""

MIN_QUOTE_WORDS = 3
MIN_QUOTE_CHARACTERS = 12

_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),  # noqa: RUF001 - the look-alikes are the point
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),  # noqa: RUF001
        "…": "...",
        "•": " ",
        "|": " ",  # cells of a Markdown table
        "\u00ad": None,  # soft hyphen
    }
)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_BLOCK_MARK = re.compile(r"^[ \t]*(?:#{1,6}|[-*+>]|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_EMPHASIS = re.compile(r"\*{1,3}|~~|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>~])")

D = TypeVar("D", ContextDraft, ReportDraft)


@dataclass(frozen=True, slots=True)
class Verified(Generic[D]):
    """A draft reduced to what its sources bear out, and how much that took away."""

    draft: D
    kept: int
    """Quotes that occur in their source."""
    dropped: int
    """Quotes that do not, or whose source is unknown."""
    blanked: tuple[str, ...]
    """Fields that had text and no evidence left."""


def normalise(text: str) -> str:
    """The text as far as it matters for a quote.

    Neutral to whitespace, Unicode forms of quotes and dashes, invisible
    characters, and Markdown marks (emphasis, links, headings, lists, tables).
    """
    text = unicodedata.normalize("NFKC", text).translate(_PUNCTUATION)
    text = _INVISIBLE.sub("", text)
    text = _BLOCK_MARK.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _ESCAPE.sub(r"\1", _EMPHASIS.sub("", text))
    return " ".join(text.split())


def is_quotable(quote: str) -> bool:
    """Whether the quote is long enough to mean something."""
    return _is_long_enough(normalise(quote))


def quote_occurs(quote: str, text: str) -> bool:
    """Whether the quote is long enough to mean something and stands verbatim in the text."""
    return _occurs(normalise(quote), normalise(text))


def verify_context(draft: ContextDraft, texts: Mapping[str, str]) -> Verified[ContextDraft]:
    """Drops quotes that their source does not contain, and blanks fields left without any.

    `texts` maps source ids to stored snapshots; to let fields rest on the
    user's free text, map `FREEFORM_SOURCE_ID` to it.
    """
    known = _Texts(texts)
    evidence: dict[str, tuple[Evidence, ...]] = {}
    offered = 0
    for path, quotes in draft.evidence.items():
        offered += len(quotes)
        if kept := tuple(q for q in quotes if known.contain(q.source_id, q.quote)):
            evidence[path] = kept
    sections = draft.sections.model_dump(by_alias=True)
    blanked: list[str] = []
    for section, fields in sections.items():
        for field, value in fields.items():
            path = f"{section}.{field}"
            if value and path not in evidence:
                fields[field] = () if isinstance(value, tuple | list) else None
                blanked.append(path)
            elif not value:
                evidence.pop(path, None)
    kept_quotes = sum(len(quotes) for quotes in evidence.values())
    checked = draft.model_copy(
        update={
            "sections": Sections.model_validate(sections),
            "evidence": evidence,
            "company_name": draft.company_name if known.mention(draft.company_name) else None,
        }
    )
    return Verified(checked, kept_quotes, offered - kept_quotes, tuple(blanked))


def verify_report(draft: ReportDraft, texts: Mapping[str, str]) -> Verified[ReportDraft]:
    """Drops claims whose quote their source does not contain, and the prose that rested on them.

    Summary, background and company intel are written anew from the claims that
    are left, so that no sentence stays that nothing bears out; an outreach
    angle stays if it is the text of such a claim, the role if such a quote
    states it.
    """
    known = _Texts(texts)
    claims = tuple(c for c in draft.claims if known.contain(c.source_id, c.quote))
    said = {normalise(c.text) for c in claims if c.field == "outreach_angles"}
    checked = draft.model_copy(
        update={
            "claims": claims,
            "summary": prose(claims, "summary"),
            "background": prose(claims, "background"),
            "company_intel": prose(claims, "company_intel"),
            "outreach_angles": tuple(a for a in draft.outreach_angles if normalise(a) in said),
            "role": draft.role if _role_is_stated(draft.role, claims) else None,
        }
    )
    blanked = tuple(
        name
        for name in ("summary", "background", "company_intel", "outreach_angles", "role")
        if getattr(draft, name) and not getattr(checked, name)
    )
    return Verified(checked, len(claims), len(draft.claims) - len(claims), blanked)


def prose(claims: Iterable[Claim], field: str) -> str:
    """A report's section: the texts of its claims, in their order."""
    return " ".join(claim.text for claim in claims if claim.field == field)


class _Texts:
    """Snapshots by source id, each normalised once."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {source: normalise(text) for source, text in texts.items()}

    def contain(self, source_id: str, quote: str) -> bool:
        return _occurs(normalise(quote), self._texts.get(source_id, ""))

    def mention(self, name: str | None) -> bool:
        wanted = normalise(name or "").casefold()
        return bool(wanted) and any(wanted in text.casefold() for text in self._texts.values())


def _occurs(quote: str, text: str) -> bool:
    if not _is_long_enough(quote):
        return False
    start = text.find(quote)
    while start >= 0:
        if _stands_alone(text, start, start + len(quote)):
            return True
        start = text.find(quote, start + 1)
    return False


def _is_long_enough(quote: str) -> bool:
    return len(quote.split()) >= MIN_QUOTE_WORDS or len(quote) >= MIN_QUOTE_CHARACTERS


def _stands_alone(text: str, start: int, end: int) -> bool:
    """No word or number is cut at the ends: "grew by 5" is not in "grew by 50"."""
    cut_before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    cut_after = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return not (cut_before or cut_after)


def _role_is_stated(role: str | None, claims: Iterable[Claim]) -> bool:
    wanted = normalise(role or "").casefold()
    return bool(wanted) and any(
        wanted in normalise(c.quote).casefold() for c in claims if c.field != "company_intel"
    )
