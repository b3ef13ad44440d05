"""What the model is asked to answer: one schema for each call."""

from libs.contracts.envelope import Frozen


class Statement(Frozen):
    """Something the model says, and the words of a source that it says it by."""

    text: str
    source_id: str
    quote: str


class CompanyAnswer(Frozen):
    company_name: str | None
    overview: list[Statement]
    product: list[Statement]
    problem_solved: list[Statement]
    differentiators: list[Statement]
    linked_in_presence: list[Statement]


class MarketAnswer(Frozen):
    target_audience: list[Statement]
    industry_context: list[Statement]
    icp_job_titles: list[Statement]
    icp_industries: list[Statement]
    icp_company_sizes: list[Statement]
    icp_pain_points: list[Statement]
    icp_keywords: list[Statement]


class UserAnswer(Frozen):
    professional_background: list[Statement]
    linked_in_voice: list[Statement]
    preferred_tone: list[Statement]
    posting_cadence: list[Statement]
    recommended_topics: list[Statement]
    content_formats: list[Statement]
    topics_to_avoid: list[Statement]


class ReportAnswer(Frozen):
    role: Statement | None
    summary: list[Statement]
    background: list[Statement]
    company_intel: list[Statement]
    outreach_angles: list[Statement]
