"""Messages and shapes of the context service."""

from typing import ClassVar

from pydantic import AwareDatetime, ConfigDict
from pydantic.alias_generators import to_camel

from libs.contracts.envelope import Command, Frozen, Message
from libs.contracts.work import Lease, SourceRecorded, StepStarted, WorkFailed, WorkMessage


class Section(Frozen):
    """A section of a context. Camel case on the wire; an empty field means "not known"."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class UserSection(Section):
    professional_background: str | None = None


class CompanySection(Section):
    overview: str | None = None
    product: str | None = None
    problem_solved: str | None = None
    differentiators: str | None = None
    linked_in_presence: str | None = None


class ContentSection(Section):
    linked_in_voice: str | None = None
    recommended_topics: tuple[str, ...] = ()
    preferred_tone: str | None = None
    content_formats: tuple[str, ...] = ()
    topics_to_avoid: tuple[str, ...] = ()
    posting_cadence: str | None = None


class MarketSection(Section):
    target_audience: str | None = None
    industry_context: str | None = None
    icp_job_titles: tuple[str, ...] = ()
    icp_industries: tuple[str, ...] = ()
    icp_company_sizes: tuple[str, ...] = ()
    icp_pain_points: tuple[str, ...] = ()
    icp_keywords: tuple[str, ...] = ()


class Sections(Section):
    """The generated part of a context."""

    user: UserSection = UserSection()
    company: CompanySection = CompanySection()
    content: ContentSection = ContentSection()
    market: MarketSection = MarketSection()


class Evidence(Frozen):
    """Why a field says what it says: words that stand verbatim in the source's snapshot."""

    source_id: str
    url: str
    quote: str


class ContextDraft(Frozen):
    """What a generator wrote, before the owner has checked its quotes.

    `evidence` maps a field path in camel case (`company.overview`) to its quotes.
    """

    generator: str
    sections: Sections
    evidence: dict[str, tuple[Evidence, ...]]
    company_name: str | None = None


class ContextRegenerateRequested(Command):
    """Read the user's sites again and write their context anew."""

    KEY: ClassVar[str] = "user_id"

    run_id: str
    user_id: str
    website: str | None = None
    linkedin_url: str | None = None
    company_linkedin_url: str | None = None
    freeform_context: str | None = None


class ContextTask(Message):
    """There is a run to work on. Carries no inputs: the claim hands them out."""

    KEY: ClassVar[str] = "run_id"

    run_id: str


class ContextJob(Frozen):
    """What a worker needs to know of the request."""

    website: str | None
    linkedin_url: str | None
    company_linkedin_url: str | None
    freeform_context: str | None


class ContextLease(Lease):
    job: ContextJob


class ContextStepStarted(StepStarted):
    """See `StepStarted`."""


class ContextSourceRecorded(SourceRecorded):
    """See `SourceRecorded`."""


class ContextWorkFailed(WorkFailed):
    """See `WorkFailed`."""


class ContextDraftProduced(WorkMessage):
    """The attempt's result. `source_ids` are all the sources it recorded before this."""

    draft: ContextDraft
    source_ids: tuple[str, ...]


class ContextEvent(Message):
    """Something public happened to a regeneration."""

    KEY: ClassVar[str] = "user_id"

    run_id: str
    user_id: str


class ContextRegenerateStarted(ContextEvent):
    """The regeneration was dispatched and takes the user's slot."""

    regenerated_at: AwareDatetime


class ContextRegenerated(ContextEvent):
    """The user's context was written anew."""

    changed_fields: tuple[str, ...]


class ContextRegenerateFailed(ContextEvent):
    """The regeneration ended without a new context; the slot was given back.

    `code` says why; the sentence for people, which may name pages, is the run's own.
    """

    code: str


class ContextRegenerateRolledBack(ContextEvent):
    """The regeneration could not be dispatched; nothing was changed."""
