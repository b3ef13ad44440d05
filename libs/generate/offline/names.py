"""Recognises a person's name in text, whatever its accents, and lines that are names."""

import re
import unicodedata
from dataclasses import dataclass

from libs.generate.offline.snapshot import Passage, Shape

# Letters that Unicode does not take apart into a base and a mark.
_LETTER = {
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "æ": "a",
    "Æ": "A",
    "ß": "s",
}
_HONORIFICS = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "prof", "professor", "herr", "frau", "sir"]
)
_FUNCTION_WORDS = frozenset(
    [
        "when",
        "while",
        "before",
        "after",
        "since",
        "as",
        "at",
        "for",
        "with",
        "in",
        "on",
        "under",
        "until",
        "today",
        "and",
        "but",
        "then",
        "also",
        "although",
        "because",
        "if",
        "how",
        "why",
        "what",
        "our",
        "the",
    ]
)
_NAME_LINE = re.compile(r"(?:(?:Dr|Prof|Ing|Mag)\.? )*[A-Z][\w'.-]+(?: [A-Z][\w'.-]+){1,2}")
ROLE_WORD = re.compile(
    r"\b(?:head|vp|svp|vice president|president|director|chief|c[efotmir]o|ciso|chro|founder"
    r"|co-?founder"
    r"|owner|partner|manager|managing|lead|leader|engineer|developer|designer|consultant|analyst"
    r"|architect|scientist|chair(?:man|woman|person)?|principal|specialist|executive|officer"
    r"|recruiter|editor|chef|planner|buyer|controller|counsel|representative|coordinator"
    r"|strategist)s?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a report is about."""

    first: str
    last: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


def plain(text: str) -> str:
    """The text without accents; as long as before, place by place."""
    if text.isascii():
        return text
    return "".join(_LETTER.get(c) or unicodedata.normalize("NFKD", c)[0] for c in text)


def fold(text: str) -> str:
    """Lower case without accents, for comparing names; as long as before."""
    return "".join(c.lower()[0] for c in plain(text))


def is_name_line(passage: Passage) -> bool:
    """A line that is nothing but a name, as on the cards of a team page."""
    return passage.shape is not Shape.FACT and (
        _NAME_LINE.fullmatch(plain(passage.text)) is not None and not ROLE_WORD.search(passage.text)
    )


class Names:
    """Recognises the person's name in folded text."""

    def __init__(self, person: Person) -> None:
        first, last = re.escape(fold(person.first)), re.escape(fold(person.last))
        self.person = person
        self._first = re.compile(rf"(?<!\w){first}(?!\w)")
        self._full = re.compile(rf"(?<!\w){first}(?: [\w.'-]+){{0,2}}? {last}(?!\w)")
        self._last = re.compile(rf"(?:(\w+)\.? )?(?<!\w){last}(?!\w)")

    def in_full(self, text: str) -> bool:
        return self._full.search(fold(text)) is not None

    def by_first_name(self, text: str) -> bool:
        return self._first.search(fold(text)) is not None

    def by_last_name(self, text: str) -> bool:
        """The last name alone. "Peter Doe" is somebody else than Jane Doe."""
        folded = fold(text)
        for match in self._last.finditer(folded):
            before = match.group(1)
            if before is None or before in _HONORIFICS or before in _FUNCTION_WORDS:
                return True
            if text[match.start(1)].islower():
                return True
        return False
