"""Orders passages by how well they answer a question: BM25, page kind, position and wording."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import bm25s  # type: ignore[import-untyped] # ships no type information
import snowballstemmer  # type: ignore[import-untyped] # ships no type information

from libs.generate.offline.snapshot import Passage, Shape
from libs.generate.pages import PageKind

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "do",
        "for",
        "from",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "more",
        "no",
        "not",
        "of",
        "on",
        "one",
        "or",
        "our",
        "so",
        "that",
        "the",
        "their",
        "them",
        "they",
        "this",
        "to",
        "us",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "will",
        "with",
        "you",
        "your",
    ]
)
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|my|me)\b")
_DANGLING = re.compile(
    r"^(?:it|this|that|these|those|they|them|he|she|his|her|but|and|or|so|also|then|however"
    r"|therefore|instead|here|there|such|both|on average they)\b"
    r"|\b(?:solves?|does|did|handles?|prevents?|avoids?|means) (?:this|that|it)\b",
    re.IGNORECASE,
)
# It sets its own logger to debug, past the level that the process chose.
logging.getLogger("bm25s").setLevel(logging.WARNING)
# Stemming is slow, and the same words come again and again.
_stem = lru_cache(maxsize=20_000)(snowballstemmer.stemmer("english").stemWord)

ELSEWHERE = 0.35
"""Weight of pages that a question does not name."""
NOWHERE_ELSE = frozenset({PageKind.LEGAL, PageKind.CONTACT, PageKind.TEAM})
"""Pages that count only for questions that name them."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a field wants to know, and what an answer looks like."""

    query: str
    cues: re.Pattern[str]
    """Wording of an answer; a passage without it is none."""
    pages: Mapping[PageKind, float] = field(default_factory=dict)
    """Weight of the pages where the answer is likely to stand, up to 1."""
    only_there: bool = False
    headings: re.Pattern[str] | None = None
    """Headings above an answer; they stand in for the wording."""
    trusted: frozenset[PageKind] = frozenset()
    """Pages that are all about it: no particular wording is asked for there."""
    of_company: bool = True
    """Whether what the company says of itself counts."""
    others_words: bool = False
    """Whether what customers say of the company counts."""


@dataclass(frozen=True, slots=True)
class Ranked:
    passage: Passage
    score: float


class Ranking:
    """An index over passages that share a set of pages."""

    def __init__(self, passages: Sequence[Passage], company: str | None) -> None:
        name = re.escape(company) if company else r"(?!)"
        self._subject = re.compile(rf"(?:We|{name})\b")
        self._company = re.compile(rf"\b(?:[Ww]e|[Oo]ur|{name})\b")
        self._passages = tuple(passages)
        corpus = [terms(f"{p.heading} {p.text}") or ["∅"] for p in self._passages]
        self._index = bm25s.BM25() if corpus else None
        if self._index is not None:
            self._index.index(corpus, show_progress=False)

    def best(self, question: Question) -> list[Ranked]:
        """The passages that answer the question, best first; equal ones in page order."""
        if self._index is None:
            return []
        vocabulary = self._index.vocab_dict
        query = [term for term in terms(question.query) if term in vocabulary]
        matches = self._index.get_scores(query) if query else [0.0] * len(self._passages)
        top = max(1e-9, *map(float, matches))
        ranked = [
            Ranked(passage, score)
            for passage, match in zip(self._passages, matches, strict=True)
            if (score := self._score(question, passage, float(match) / top)) > 0
        ]
        return sorted(ranked, key=lambda r: -r.score)

    def _score(self, question: Question, passage: Passage, match: float) -> float:
        unnamed = question.only_there or passage.kind in NOWHERE_ELSE
        weight = question.pages.get(passage.kind, 0.0 if unnamed else ELSEWHERE)
        if weight == 0:
            return 0.0
        if not question.others_words and (passage.quoted or _FIRST_PERSON.search(passage.text)):
            return 0.0
        trusted = passage.kind in question.trusted
        cue = trusted or question.cues.search(passage.text) is not None
        below = (
            question.headings is not None and question.headings.search(passage.heading) is not None
        )
        if not (cue or below):
            return 0.0
        if not question.of_company and self._company.search(passage.text):
            return 0.0
        named = self._subject.match(passage.text) is not None
        early = 1.0 / (1.0 + passage.block / 6)
        score = weight * (0.45 * match + 0.25 * cue + 0.2 * below + 0.2 * early + 0.15 * named)
        if passage.shape in (Shape.ITEM, Shape.HEADING):
            score *= 0.75
        # "It does the same for …" needs the sentence before it, which a quote leaves behind.
        return score * 0.3 if _DANGLING.search(passage.text) else score


def terms(text: str) -> list[str]:
    """The stems of a text's words that carry meaning."""
    words = (word.lower() for word in _WORD.findall(text))
    return [_stem(word) for word in words if word not in _STOP]


def similar(one: str, others: Iterable[str], *, share: float = 0.7) -> bool:
    """Whether a text has this share of its words, or more, in common with one of the others."""
    mine = set(terms(one))
    for other in others:
        theirs = set(terms(other))
        smaller = min(len(mine), len(theirs))
        if smaller and len(mine & theirs) / smaller > share:
            return True
    return False
