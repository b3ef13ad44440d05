"""When something happened, by the dates that stand beside it."""

import re
from collections.abc import Iterable, Sequence

from libs.generate.offline.snapshot import Page, Passage

_MONTHS = "january february march april may june july august september october november december"
_MONTH = {name[:3]: number for number, name in enumerate(_MONTHS.split(), start=1)}
_ISO = re.compile(r"\b(20\d\d)-(\d\d)(?:-(\d\d))?\b")
_WORDED = re.compile(
    r"\b(?:(\d{1,2})\.? )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov"
    r"|dec)[a-z]*\.? (?:(\d{1,2}),? )?(20\d\d)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(20\d\d)\b")

Day = tuple[int, int, int]


def newest_first(passages: Iterable[Passage], pages: Sequence[Page]) -> list[Passage]:
    """The passages by date, newest first; undated ones last, in their order."""
    by_id = {page.source.id: page for page in pages}
    return sorted(passages, key=lambda p: _day(p, by_id[p.source_id]), reverse=True)


def _day(passage: Passage, page: Page) -> Day:
    """The date in the passage, else in its heading or the lines around it, else of its page."""
    near = [p.text for p in page.passages if p.block and abs(p.block - passage.block) <= 1]
    published = page.source.metadata.published or ""
    for text in (passage.text, passage.heading, *near, published):
        if day := _stated(text):
            return day
    return (0, 0, 0)


def _stated(text: str) -> Day | None:
    if match := _ISO.search(text):
        return int(match[1]), int(match[2]), int(match[3] or 0)
    if match := _WORDED.search(text):
        return int(match[4]), _MONTH[match[2].lower()], int(match[1] or match[3] or 0)
    if match := _YEAR.search(text):
        return int(match[1]), 0, 0
    return None
