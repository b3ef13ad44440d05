"""Finds the person's role in the passages about them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from libs.generate.evidence import quote_occurs
from libs.generate.offline.names import ROLE_WORD, Person, fold, is_name_line
from libs.generate.offline.snapshot import Page, Passage, Shape
from libs.generate.pages import PageKind

_LINK = r"(?:,| [-–—|]| \(|:| is| was| has been|'s| serves as| works as)\s*"  # noqa: RUF001
_FILLER = (
    r"(?:(?:(?:now |also |currently )?(?:the|our|a|an|appointed|named|promoted to|as|new) ?)*)"
)
_STOPS = re.compile(
    r"\s+(?:at|for|who|with|since|where|from|on|to|leads?|runs?|in \d|in charge|responsible|said"
    r"|says"
    r"|joined|has|is|will)\b|[,.;:()|]|\s[-–—]\s|\s+and (?:has|is|leads|she|he|they"  # noqa: RUF001
    r"|joined"
    r"|was)\b"
)
MAXROLE_WORDS = 8


@dataclass(frozen=True, slots=True)
class Role:
    """A role as a source words it, and where."""

    title: str
    passage: Passage


def find_role(
    person: Person, company: str | None, pages: Sequence[Page], about: Sequence[Passage]
) -> Role | None:
    """The role that a source states most directly, or none."""
    by_id = {page.source.id: page for page in pages}
    for name, below in pairwise(about):
        source = by_id[below.source_id].source.text
        if (name.shape is Shape.HEADING or is_name_line(name)) and below.block == name.block + 1:
            quote = _joined(name.quote, below.quote, source)
            title = _as_role(below.text.split(",")[0])
            if quote and title and fold(person.last) in fold(name.text):
                text = f"{name.text}: {below.text}"
                return Role(title, replace(below, text=text, quote=quote))
    for passage in about:
        if title := _beside_name(person, company, passage.text):
            return Role(title, passage)
    return _from_json_ld(person, pages, {p.source_id for p in about})


def _beside_name(person: Person, company: str | None, text: str) -> str | None:
    first, last = re.escape(fold(person.first)), re.escape(fold(person.last))
    # Names are compared without accents; the role is cut from the text as it stands.
    match = re.search(rf"(?<!\w){first}(?: [\w.'-]+){{0,2}}? {last}(?!\w)", fold(text))
    if match is None:
        return None
    if after := re.match(rf"{_LINK}{_FILLER}(?P<rest>\S.*)", text[match.end() :], re.IGNORECASE):
        rest = after.group("rest")
        if company and (cut := re.search(rf"\s+(?:of|at) {re.escape(company)}\b", rest)):
            rest = rest[: cut.start()]
        if title := _as_role(_STOPS.split(rest, maxsplit=1)[0]):
            return title
    words = r"(?:[A-Z][\w/-]*|of|and|&)"
    if before := re.search(
        rf"(?P<title>[A-Z][\w/-]*(?: {words}){{0,5}}),? $", text[: match.start()]
    ):
        return _as_role(re.sub(r"^(?:Our|The|As|With)\s+", "", before.group("title")))
    return None


def _as_role(text: str) -> str | None:
    title = text.strip(" .,-–—|")  # noqa: RUF001
    fits = 0 < len(title.split()) <= MAXROLE_WORDS and ROLE_WORD.search(title)
    return title if fits else None


def _joined(above: str, below: str, source: str) -> str | None:
    """The words of a heading and of the line below it, as they stand in the source."""
    match = re.search(rf"{re.escape(above)}\s*?\n\s*(?:[-*+#]+ )?{re.escape(below)}", source)
    return match.group() if match and quote_occurs(match.group(), source) else None


def _from_json_ld(person: Person, pages: Iterable[Page], tied: set[str]) -> Role | None:
    for page in pages:
        if page.source.id not in tied and page.kind is not PageKind.LINKEDIN_PERSON:
            continue
        for node in page.source.metadata.json_ld:
            title = _job_title(node, fold(person.name))
            fact = next(
                (p for p in page.passages if p.shape is Shape.FACT and p.text == title), None
            )
            if title and fact:
                text = f"{person.name}: {title}"
                quote = f"{fact.key}: {fact.text}"
                return Role(title, replace(fact, text=text, quote=quote))
    return None


def _job_title(node: Any, name: str, depth: int = 0) -> str | None:
    """The job title that a JSON-LD node, or one inside it, gives to the person."""
    if depth > 6:
        return None
    if isinstance(node, list):
        return next((t for n in node if (t := _job_title(n, name, depth + 1))), None)
    if not isinstance(node, dict):
        return None
    if isinstance(node.get("jobTitle"), str) and fold(str(node.get("name", ""))) == name:
        return str(node["jobTitle"])
    return next((t for n in node.values() if (t := _job_title(n, name, depth + 1))), None)
