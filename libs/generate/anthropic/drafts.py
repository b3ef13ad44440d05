"""Makes drafts of answers. Text rests only on statements whose quotes stand in their source."""

from collections.abc import Iterable, Mapping
from typing import Literal

from libs.contracts.context import (
    CompanySection,
    ContentSection,
    ContextDraft,
    Evidence,
    MarketSection,
    Sections,
    UserSection,
)
from libs.contracts.research import Claim, ReportDraft
from libs.generate.anthropic.answers import (
    CompanyAnswer,
    MarketAnswer,
    ReportAnswer,
    Statement,
    UserAnswer,
)
from libs.generate.evidence import prose, quote_occurs


class ContextComposer:
    """Collects sections and their evidence.

    A quote that does not occur is handed on as evidence, for the owner to drop
    and count, but what it should have borne out is not written.
    """

    def __init__(self, urls: Mapping[str, str], texts: Mapping[str, str]) -> None:
        self._urls = urls
        self._texts = texts
        self.evidence: dict[str, tuple[Evidence, ...]] = {}

    def company(self, answer: CompanyAnswer) -> CompanySection:
        return CompanySection(
            overview=self._text("company.overview", answer.overview),
            product=self._text("company.product", answer.product),
            problem_solved=self._text("company.problemSolved", answer.problem_solved),
            differentiators=self._text("company.differentiators", answer.differentiators),
            linked_in_presence=self._text("company.linkedInPresence", answer.linked_in_presence),
        )

    def market(self, answer: MarketAnswer) -> MarketSection:
        return MarketSection(
            target_audience=self._text("market.targetAudience", answer.target_audience),
            industry_context=self._text("market.industryContext", answer.industry_context),
            icp_job_titles=self._items("market.icpJobTitles", answer.icp_job_titles),
            icp_industries=self._items("market.icpIndustries", answer.icp_industries),
            icp_company_sizes=self._items("market.icpCompanySizes", answer.icp_company_sizes),
            icp_pain_points=self._items("market.icpPainPoints", answer.icp_pain_points),
            icp_keywords=self._items("market.icpKeywords", answer.icp_keywords),
        )

    def user(self, answer: UserAnswer) -> tuple[UserSection, ContentSection]:
        background = self._text("user.professionalBackground", answer.professional_background)
        return UserSection(professional_background=background), ContentSection(
            linked_in_voice=self._text("content.linkedInVoice", answer.linked_in_voice),
            preferred_tone=self._text("content.preferredTone", answer.preferred_tone),
            posting_cadence=self._text("content.postingCadence", answer.posting_cadence),
            recommended_topics=self._items("content.recommendedTopics", answer.recommended_topics),
            content_formats=self._items("content.contentFormats", answer.content_formats),
            topics_to_avoid=self._items("content.topicsToAvoid", answer.topics_to_avoid),
        )

    def draft(self, name: str, sections: Sections, company_name: str | None) -> ContextDraft:
        return ContextDraft(
            generator=name, sections=sections, evidence=self.evidence, company_name=company_name
        )

    def _text(self, path: str, statements: list[Statement]) -> str | None:
        return " ".join(self._items(path, statements)) or None

    def _items(self, path: str, statements: list[Statement]) -> tuple[str, ...]:
        if statements:
            self.evidence[path] = tuple(
                Evidence(source_id=s.source_id, url=self._urls.get(s.source_id, ""), quote=s.quote)
                for s in statements
            )
        borne_out = (
            s for s in statements if quote_occurs(s.quote, self._texts.get(s.source_id, ""))
        )
        return tuple(dict.fromkeys(s.text.strip() for s in borne_out if s.text.strip()))


Field = Literal["summary", "background", "company_intel", "outreach_angles"]


def report_draft(name: str, answer: ReportAnswer) -> ReportDraft:
    """The report as answered; the owner's check writes its prose anew from what holds."""
    claims = (
        *_claims("summary", answer.summary),
        *_claims("background", answer.background),
        *_claims("company_intel", answer.company_intel),
        *_claims("outreach_angles", answer.outreach_angles),
    )
    role = answer.role
    if role is not None and role.quote not in {c.quote for c in claims}:
        # The check keeps a role only where a claim's quote states it.
        stated = role.model_copy(update={"text": f"Role: {role.text}."})
        claims = (*_claims("background", [stated]), *claims)
    return ReportDraft(
        generator=name,
        summary=prose(claims, "summary"),
        background=prose(claims, "background"),
        company_intel=prose(claims, "company_intel"),
        outreach_angles=tuple(c.text for c in claims if c.field == "outreach_angles"),
        claims=claims,
        role=role.text if role else None,
    )


def _claims(field: Field, statements: Iterable[Statement]) -> list[Claim]:
    return [
        Claim(text=s.text.strip(), source_id=s.source_id, quote=s.quote, field=field)
        for s in statements
        if s.text.strip()
    ]
