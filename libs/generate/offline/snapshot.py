"""Cuts a source's snapshot into passages that can be quoted one by one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import sentencex  # type: ignore[import-untyped] # a compiled module without stubs

from libs.contracts.sources import Source
from libs.generate.evidence import is_quotable, normalise
from libs.generate.offline.noise import talks_to_machines
from libs.generate.pages import PageKind, page_kind

MAX_PASSAGES_PER_PAGE = 1_500
_FACT = re.compile(r"([A-Za-z@][\w@:.\[\]-]*): (\S.*)")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)#*\s*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)")
_OPENING_QUOTES = ('"', "“", "„", "«", "‘")  # noqa: RUF001 - as pages write them
MAX_ATTRIBUTION_WORDS = 12
_RULE = re.compile(r"[\s|:=_*-]+$")


class Shape(Enum):
    """How a passage stood on its page."""

    FACT = "fact"
    HEADING = "heading"
    ITEM = "item"
    SENTENCE = "sentence"


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, heading, list item or head fact. `quote` is verbatim, `text` without marks."""

    text: str
    quote: str
    source_id: str
    url: str
    kind: PageKind
    shape: Shape
    heading: str
    """The nearest heading above it; empty at the top of a page."""
    block: int
    """Number of its paragraph, list item or heading on the page."""
    key: str = ""
    """Of a head fact: what the value is of (`Organization.foundingDate`)."""
    quoted: bool = False
    """Somebody else's words: a testimonial."""


@dataclass(frozen=True, slots=True)
class Page:
    """A source that was read, cut up."""

    source: Source
    kind: PageKind
    passages: tuple[Passage, ...]

    def fact(self, *keys: str) -> Passage | None:
        """The first head fact that has one of these keys, in the order of the keys."""
        found = {p.key: p for p in reversed(self.passages) if p.shape is Shape.FACT}
        return next((found[key] for key in keys if key in found), None)


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    shape: Shape
    heading: str
    quoted: bool


def cut(source: Source) -> Page:
    """The passages of a page, in its order. Planted instructions are left out."""
    kind = page_kind(source)
    head, body = _split_head(source.text)
    passages = [
        Passage(value, _fact_quote(key, value), source.id, source.url, kind, Shape.FACT, "", 0, key)
        for key, value in head
        if not talks_to_machines(value)
    ]
    language = (source.metadata.language or "en")[:2].lower()
    for number, block in enumerate(_blocks(body), start=1):
        # One planted sentence makes its whole paragraph untrustworthy.
        if talks_to_machines(block.text):
            continue
        for quote in _sentences(block, language):
            text = normalise(quote)
            if not text:
                continue
            passages.append(
                Passage(
                    text,
                    quote,
                    source.id,
                    source.url,
                    kind,
                    block.shape,
                    block.heading,
                    number,
                    quoted=block.quoted,
                )
            )
        if len(passages) >= MAX_PASSAGES_PER_PAGE:
            break
    return Page(source, kind, tuple(passages))


def _fact_quote(key: str, value: str) -> str:
    """A value that says something by itself is quoted by itself, a short one with its key."""
    return value if len(value.split()) > 2 and is_quotable(value) else f"{key}: {value}"


def _split_head(text: str) -> tuple[list[tuple[str, str]], str]:
    head: list[tuple[str, str]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        match = _FACT.fullmatch(line.strip())
        if match is None:
            return head, "\n".join(lines[number:])
        head.append((match.group(1), match.group(2).strip()))
    return head, ""


def _sentences(block: _Block, language: str) -> Iterator[str]:
    if block.shape is Shape.HEADING:
        yield block.text
        return
    for sentence in sentencex.segment(language, block.text):
        if stripped := sentence.strip():
            yield stripped


def _blocks(body: str) -> Iterator[_Block]:
    """A block is a line, as the crawler writes them: a paragraph, heading, item or cell."""
    heading = ""
    below_quote = False
    for line in body.split("\n"):
        if not line.strip() or _RULE.match(line):
            continue
        if match := _HEADING.match(line):
            heading = normalise(match.group(2))
            below_quote = False
            yield _Block(match.group(2).strip(), Shape.HEADING, heading, False)
            continue
        item = _ITEM.match(line)
        text = (item.group(1) if item else line).strip(" \t>|")
        if not text:
            continue
        quoted = line.lstrip(" -*>").startswith(_OPENING_QUOTES)
        # Who said it often stands on a line of its own: "Marta Oliveira, Head of Operations".
        said_by = below_quote and len(text.split()) <= MAX_ATTRIBUTION_WORDS
        below_quote = quoted
        yield _Block(text, Shape.ITEM if item else Shape.SENTENCE, heading, quoted or said_by)
