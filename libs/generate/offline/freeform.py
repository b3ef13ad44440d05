"""What the user's own free text asks of their content: tone, topics, formats, rhythm."""

import re
from dataclasses import dataclass

import sentencex  # type: ignore[import-untyped] # a compiled module without stubs

from libs.contracts.context import ContentSection, Evidence
from libs.generate.evidence import FREEFORM_SOURCE_ID, is_quotable

_TONE = re.compile(r"\b(?:tone|voice|style|sound)\b", re.IGNORECASE)
_CADENCE = re.compile(
    r"\b(?:daily|weekly|monthly|(?:once|twice|\w+ times|\w+ posts?) (?:a|per|each) (?:day|week"
    r"|month)"
    r"|every (?:day|week|month|\w+day))\b",
    re.IGNORECASE,
)
_AVOID = re.compile(
    r"\b(?:avoid|stay away from|(?:never|(?:do not|don'?t|no need to) (?:ever )?)"
    r"(?:write|post|talk|mention)(?: about)?)\s+(?P<topics>[^.;!?]+)",
    re.IGNORECASE,
)
_RECOMMEND = re.compile(
    r"(?<!not )(?<!n't )(?<!never )\b(?:write|post|talk|content) (?:mostly "
    r"|mainly )?about\s+(?P<topics>[^.;!?]+)",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"\b(?:carousels?|videos?|polls?|newsletters?|podcasts?|infographics?|case studies"
    r"|(?:short|long|long-form|text) posts?|articles?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wishes:
    section: ContentSection
    evidence: dict[str, tuple[Evidence, ...]]


def read(text: str) -> Wishes:
    """What the text says, in its own words; the evidence names `FREEFORM_SOURCE_ID`."""
    sentences = [s.strip() for s in sentencex.segment("en", text) if is_quotable(s)]
    evidence: dict[str, tuple[Evidence, ...]] = {}

    def holding(path: str, pattern: re.Pattern[str]) -> list[str]:
        found = [s for s in sentences if pattern.search(s)]
        if found:
            evidence[f"content.{path}"] = tuple(
                Evidence(source_id=FREEFORM_SOURCE_ID, url="", quote=s) for s in found
            )
        return found

    def listed(path: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        topics = (m.group("topics") for s in holding(path, pattern) for m in pattern.finditer(s))
        parts = (part.strip() for t in topics for part in re.split(r",|\band\b|\bor\b", t))
        return tuple(dict.fromkeys(part for part in parts if part))

    formats = (m.group() for s in holding("contentFormats", _FORMAT) for m in _FORMAT.finditer(s))
    section = ContentSection(
        preferred_tone=" ".join(holding("preferredTone", _TONE)) or None,
        posting_cadence=" ".join(holding("postingCadence", _CADENCE)) or None,
        topics_to_avoid=listed("topicsToAvoid", _AVOID),
        recommended_topics=listed("recommendedTopics", _RECOMMEND),
        content_formats=tuple(dict.fromkeys(formats)),
    )
    return Wishes(section, evidence)
