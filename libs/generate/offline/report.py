"""Puts a report on a person together from what the pages say."""

import re
from collections.abc import Sequence
from typing import Literal

from libs.contracts.research import Claim, ReportDraft
from libs.generate.evidence import prose
from libs.generate.offline import questions
from libs.generate.offline.company import Company, sentence
from libs.generate.offline.dates import newest_first
from libs.generate.offline.identity import about_person, company_pages, person_of
from libs.generate.offline.names import Person
from libs.generate.offline.noise import is_statement
from libs.generate.offline.ranking import similar
from libs.generate.offline.role import Role, find_role
from libs.generate.offline.snapshot import Page, Passage, Shape
from libs.generate.port import GenerationFailed, ReportRequest

Field = Literal["summary", "background", "company_intel", "outreach_angles"]

MAX_BACKGROUND = 6
_INTEL = (
    (questions.PRODUCT, 2),
    (questions.AUDIENCE, 1),
    (questions.CUSTOMER_STORY, 1),
    (questions.NUMBERS, 1),
    (questions.DIFFERENTIATORS, 1),
)
_ANGLES = (
    ("Open with their news", questions.NEWS, 2),
    ("Ask about a customer result", questions.CUSTOMER_STORY, 1),
    ("They are hiring", questions.HIRING, 1),
    ("Speak to the problem they work on", questions.PROBLEM, 1),
)
_BYLINE = re.compile(
    r"^by [A-Z]|,? (?:by|author:) [A-Z][\w'.-]+(?: [A-Z][\w'.-]+)+\.?$", re.IGNORECASE
)
_PERSONAL = re.compile(
    r"\b(?:sp(?:eaks?|oke|eaking)|talks?|keynote|wrote|writes|published|author|podcast|award\w*"
    r"|volunteer\w*"
    r"|passion\w*|hobb\w+|outside (?:of )?work|spare time|mentors?|studied|climb\w*|marathon"
    r"|coach\w*"
    r"|believes?|says|said)\b",
    re.IGNORECASE,
)


def write_report(name: str, request: ReportRequest, pages: Sequence[Page]) -> ReportDraft:
    """The draft of what the pages say of the person and their company.

    Raises:
        GenerationFailed: they say nothing of either (`no_evidence`).
    """
    own = company_pages(request.job, pages)
    person = person_of(request.job)
    about = about_person(request.job, person, pages, own) if person else []
    role = find_role(person, request.job.company, pages, about) if person else None
    claims = _Writer(Company(own), person, about, role).claims()
    if not claims:
        raise GenerationFailed(
            "no_evidence",
            "No page that could be read says anything of this person or their company. "
            "Check the spelling of the name and the address of the company's website.",
        )
    return ReportDraft(
        generator=name,
        summary=prose(claims, "summary"),
        background=prose(claims, "background"),
        company_intel=prose(claims, "company_intel"),
        outreach_angles=tuple(c.text for c in claims if c.field == "outreach_angles"),
        claims=tuple(claims),
        role=role.title if role else None,
    )


class _Writer:
    def __init__(
        self, company: Company, person: Person | None, about: Sequence[Passage], role: Role | None
    ) -> None:
        self._company = company
        self._person = person
        self._about = _statements(about, role)
        self._used: list[str] = []
        self._claims: list[Claim] = []

    def claims(self) -> list[Claim]:
        """Every statement of the report, in the order in which it reads."""
        self._summary()
        self._background()
        self._company_intel()
        self._outreach()
        return self._claims

    def _summary(self) -> None:
        for passage in self._about[:1]:
            self._say("summary", passage)
        opening = self._company.description()
        found = [opening] if opening else self._company.answers(questions.OVERVIEW, self._used, 1)
        for passage in found or self._company.opening(1):
            self._say("summary", passage)

    def _background(self) -> None:
        # The one thing that is known of a person belongs here too, although the summary has it.
        for passage in self._about[1:MAX_BACKGROUND] or self._about:
            self._say("background", passage)

    def _company_intel(self) -> None:
        for passage in self._company.answers(questions.OVERVIEW, self._used, 1):
            self._say("company_intel", passage)
        for question, limit in _INTEL:
            for passage in self._company.answers(question, self._used, limit):
                self._say("company_intel", passage)
        for passage in self._company.facts[:4]:
            self._say("company_intel", passage)

    def _outreach(self) -> None:
        personal = (p for p in self._about[1:] if _PERSONAL.search(p.text))
        for passage in list(personal)[:1]:
            self._say("outreach_angles", passage, "A personal opening")
        for label, question, limit in _ANGLES:
            found = self._company.answers(question, self._used, limit * 3)
            if question is questions.NEWS:
                found = _one_each(newest_first(found, self._company.pages))
            for passage in found[:limit]:
                self._say("outreach_angles", passage, label)

    def _say(self, field: Field, passage: Passage, label: str = "") -> None:
        self._used.append(passage.text)
        text = sentence(passage.text)
        self._claims.append(
            Claim(
                text=f"{label}: {text}" if label else text,
                source_id=passage.source_id,
                quote=passage.quote,
                field=field,
            )
        )


def _one_each(news: Sequence[Passage]) -> list[Passage]:
    """One passage of every item of news, a sentence rather than its heading."""
    items: list[Passage] = []
    for passage in news:
        told = next((i for i in items if _tells_the_same(i, passage)), None)
        if told is None:
            items.append(passage)
        elif told.shape is Shape.HEADING:
            items[items.index(told)] = passage
    return items


def _tells_the_same(one: Passage, other: Passage) -> bool:
    beneath = one.heading == other.heading and Shape.ITEM not in (one.shape, other.shape)
    return beneath or similar(one.text, [other.text], share=0.4)


def _statements(about: Sequence[Passage], role: Role | None) -> list[Passage]:
    """What can be said of the person, the passage with the role first, each thing once."""
    chosen = [role.passage] if role else []
    for passage in about:
        stated = is_statement(passage.text) and not _BYLINE.search(passage.text)
        if passage.shape is Shape.HEADING or not stated:
            continue
        if not similar(passage.text, (p.text for p in chosen)):
            chosen.append(passage)
    return chosen
