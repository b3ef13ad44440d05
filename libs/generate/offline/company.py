"""What the pages of a company say, ready to be asked: its statements, facts and name."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from libs.generate.evidence import is_quotable
from libs.generate.offline.noise import is_noise, is_statement
from libs.generate.offline.ranking import Question, Ranking, similar
from libs.generate.offline.snapshot import Page, Passage, Shape
from libs.generate.pages import PageKind

_PAGE_ORDER = {
    kind: order
    for order, kind in enumerate(
        (PageKind.HOME, PageKind.ABOUT, PageKind.PRODUCT, PageKind.CUSTOMERS, PageKind.PRICING)
    )
}
INTRODUCTIONS = frozenset({PageKind.HOME, PageKind.ABOUT, PageKind.OTHER})
_PROSE_FACT = re.compile(r"(?:^|[.:])(?:description|slogan|text|abstract)$")
_COMPANY_TYPE = r"(?:\w*Organization|Corporation|\w*Business|\w*Company|\w*Service|Brand)"
_COMPANY_NAME = re.compile(rf"{_COMPANY_TYPE}\.(?:name|legalName)")
_LABELLED = {
    "foundingDate": "Founded",
    "numberOfEmployees": "Employees",
    "addressLocality": "Location",
    "areaServed": "Area served",
    "award": "Award",
    "industry": "Industry",
}
_OF_A_PERSON = re.compile(r"\b(?:she|he|her|his)\b", re.IGNORECASE)
"""What is said of one person is not said of the company."""
_TITLE_PART = re.compile(r"\s+[|–—·:-]\s+")  # noqa: RUF001 - dashes as pages write them


class Company:
    """The statements of a set of pages, each once, indexed."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self.pages = sorted(pages, key=lambda page: _PAGE_ORDER.get(page.kind, 9))
        self.name = _name(self.pages)
        self.passages = _unrepeated(self.pages)
        self.statements = [p for p in self.passages if _is_candidate(p)]
        self.facts = _labelled(self.pages)
        self._ranking = Ranking(self.statements, self.name)

    def answers(
        self, question: Question, used: Sequence[str], limit: int, *, least: float = 0.4
    ) -> list[Passage]:
        """The best statements that say nothing which was used, or said by a better one.

        `least` is the lowest score that counts, as a share of the best one.
        """
        chosen: list[Passage] = []
        ranked = self._ranking.best(question)
        for found in ranked:
            if len(chosen) == limit or found.score < ranked[0].score * least:
                break
            if not similar(found.passage.text, [*used, *(p.text for p in chosen)]):
                chosen.append(found.passage)
        return chosen

    def opening(self, limit: int) -> list[Passage]:
        """The first statements of the pages that introduce the company, whatever their language."""
        likely = [p for p in self.statements if p.kind in INTRODUCTIONS and not p.quoted]
        return sorted(likely, key=lambda p: p.block)[:limit]

    def description(self) -> Passage | None:
        """What the company says of itself in the head of its best page."""
        for page in self.pages:
            fact = page.fact(
                "Organization.description",
                "Corporation.description",
                "description",
                "og:description",
                "LocalBusiness.description",
            )
            if fact is not None and page.kind in _PAGE_ORDER and is_statement(fact.text):
                return fact
        return None


def sentence(text: str) -> str:
    """The text as a sentence: a heading or list item gets its full stop."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", '"', "'", ")")) else text + "."


def _is_candidate(passage: Passage) -> bool:
    if _OF_A_PERSON.search(passage.text):
        return False
    if passage.shape is Shape.FACT and not _PROSE_FACT.search(passage.key):
        return False
    if passage.shape is Shape.HEADING and passage.kind is not PageKind.NEWS:
        return False
    return is_statement(passage.text)


def _unrepeated(pages: Iterable[Page]) -> list[Passage]:
    """Every passage that can be quoted, once: headers and footers come again on each page."""
    seen: set[tuple[bool, str]] = set()
    first: list[Passage] = []
    for page in pages:
        for passage in page.passages:
            key = (passage.shape is Shape.HEADING, passage.text.casefold())
            quotable = is_quotable(passage.quote)
            if key not in seen and quotable and not is_noise(passage.text):
                seen.add(key)
                first.append(passage)
    return first


def _labelled(pages: Iterable[Page]) -> list[Passage]:
    """Short facts of the company's own JSON-LD as labelled lines, each kind once."""
    found: dict[str, Passage] = {}
    for page in pages:
        for passage in page.passages:
            if passage.shape is not Shape.FACT or not re.match(rf"{_COMPANY_TYPE}\.", passage.key):
                continue
            label = _LABELLED.get(re.split(r"[.\[\]]", passage.key.replace(".value", ""))[-1])
            if label and label not in found and not is_noise(passage.text + " a"):
                text = f"{label}: {passage.text}."
                quote = f"{passage.key}: {passage.text}"
                found[label] = replace(passage, text=text, quote=quote)
    return list(found.values())


def _name(pages: Sequence[Page]) -> str | None:
    for page in pages:
        for passage in page.passages:
            if passage.shape is Shape.FACT and (
                _COMPANY_NAME.fullmatch(passage.key) or passage.key in ("site_name", "og:site_name")
            ):
                return passage.text
    for page in pages:
        if page.source.metadata.site_name:
            return page.source.metadata.site_name
    parts = Counter(
        part.strip()
        for page in pages
        for part in set(_TITLE_PART.split(page.source.metadata.title or ""))
        if part.strip()
    )
    common = parts.most_common(1)
    return common[0][0] if common and common[0][1] > 1 else None
