"""Puts a context together from what the pages say."""

from collections.abc import Iterable, Sequence

from libs.contracts.context import (
    CompanySection,
    ContentSection,
    ContextDraft,
    Evidence,
    MarketSection,
    Sections,
    UserSection,
)
from libs.generate.offline import freeform, phrases, questions
from libs.generate.offline.company import Company, sentence
from libs.generate.offline.noise import is_statement
from libs.generate.offline.ranking import Question, similar
from libs.generate.offline.snapshot import Page, Passage, Shape
from libs.generate.pages import PageKind
from libs.generate.port import ContextRequest

MAX_PAIN_POINTS = 4


def write_context(name: str, request: ContextRequest, pages: Sequence[Page]) -> ContextDraft:
    """The draft of what the pages bear out; every other field is empty."""
    return _Writer(request, pages).draft(name)


class _Writer:
    def __init__(self, request: ContextRequest, pages: Sequence[Page]) -> None:
        self._request = request
        self._company = Company(p for p in pages if p.kind is not PageKind.LINKEDIN_PERSON)
        self._profiles = [p for p in pages if p.kind is PageKind.LINKEDIN_PERSON]
        self._used: list[str] = []
        self._evidence: dict[str, tuple[Evidence, ...]] = {}

    def draft(self, name: str) -> ContextDraft:
        # The order of the questions matters: what answered one is not said again.
        company = self._company_section()
        market = self._market_section()
        differentiators = self._answer("company.differentiators", questions.DIFFERENTIATORS, 3)
        sections = Sections(
            company=company.model_copy(update={"differentiators": differentiators}),
            market=market,
            user=self._user_section(),
            content=self._content_section(),
        )
        return ContextDraft(
            generator=name,
            sections=sections,
            evidence=self._evidence,
            company_name=self._company.name,
        )

    def _company_section(self) -> CompanySection:
        about = self._company.description()
        opening = [about] if about else []
        told = self._company.answers(questions.OVERVIEW, [p.text for p in opening], 2)
        # The questions know English; pages in other languages still introduce themselves first.
        overview = [*opening, *told] or self._company.opening(2)
        return CompanySection(
            overview=self._text("company.overview", [*overview, *self._company.facts[:3]]),
            product=self._answer("company.product", questions.PRODUCT, 3),
            problem_solved=self._answer("company.problemSolved", questions.PROBLEM, 2),
            linked_in_presence=self._answer("company.linkedInPresence", questions.LINKEDIN, 2),
        )

    def _market_section(self) -> MarketSection:
        known = self._company.passages
        named = phrases.keywords(known, self._company.name)
        return MarketSection(
            target_audience=self._answer("market.targetAudience", questions.AUDIENCE, 2),
            industry_context=self._answer("market.industryContext", questions.INDUSTRY, 2),
            icp_pain_points=self._pain_points(),
            icp_job_titles=self._items("market.icpJobTitles", phrases.job_titles(known)),
            icp_industries=self._items("market.icpIndustries", phrases.industries(known)),
            icp_company_sizes=self._items("market.icpCompanySizes", phrases.company_sizes(known)),
            icp_keywords=self._items("market.icpKeywords", named),
        )

    def _user_section(self) -> UserSection:
        told = profile_statements(self._profiles)
        return UserSection(professional_background=self._text("user.professionalBackground", told))

    def _content_section(self) -> ContentSection:
        wishes = freeform.read(self._request.job.freeform_context or "")
        self._evidence.update(wishes.evidence)
        return wishes.section

    def _pain_points(self) -> tuple[str, ...]:
        found = self._company.answers(questions.PAIN, self._used, MAX_PAIN_POINTS, least=0.25)
        self._used += [p.text for p in found]
        return self._items("market.icpPainPoints", [(sentence(p.text), p) for p in found])

    def _answer(self, path: str, question: Question, limit: int) -> str | None:
        return self._text(path, self._company.answers(question, self._used, limit))

    def _text(self, path: str, passages: Iterable[Passage]) -> str | None:
        chosen = list(passages)
        if not chosen:
            return None
        self._used += [p.text for p in chosen]
        self._evidence[path] = tuple(_evidence(p) for p in chosen)
        return " ".join(sentence(p.text) for p in chosen)

    def _items(self, path: str, items: Sequence[phrases.Item]) -> tuple[str, ...]:
        if items:
            # One quote may bear several items.
            self._evidence[path] = tuple(dict.fromkeys(_evidence(p) for _, p in items))
        return tuple(text for text, _ in items)


def profile_statements(profiles: Iterable[Page]) -> list[Passage]:
    """What a personal profile says of its owner: its head first, then its sentences."""
    chosen: list[Passage] = []
    for passage in (p for page in profiles for p in page.passages):
        head = passage.shape is Shape.FACT and passage.key in ("title", "description")
        fits = (head or passage.shape is Shape.SENTENCE) and is_statement(passage.text)
        if fits and not similar(passage.text, (p.text for p in chosen)):
            chosen.append(passage)
    return chosen[:4]


def _evidence(passage: Passage) -> Evidence:
    return Evidence(source_id=passage.source_id, url=passage.url, quote=passage.quote)
