"""Messages and shapes of the research service."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from libs.contracts.envelope import Command, Frozen, Message
from libs.contracts.sources import SourceStatus
from libs.contracts.work import Lease, SourceRecorded, StepStarted, WorkFailed, WorkMessage

REPORT_SCHEMA_VERSION = "1"


class NewPerson(Frozen):
    """A person to insert together with their first run."""

    linkedin_url: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    company_website: str | None = None


class ResearchRunRequested(Command):
    """Research a person: an existing one, or one that comes with the request."""

    KEY: ClassVar[str] = "person_id"

    run_id: str
    user_id: str
    person_id: str
    refresh: bool = False
    new_person: NewPerson | None = None


class ResearchTask(Message):
    """There is a run to work on. Carries no inputs: the claim hands them out."""

    KEY: ClassVar[str] = "run_id"

    run_id: str


class ResearchJob(Frozen):
    """What a worker needs to know of the person."""

    linkedin_url: str | None
    first_name: str | None
    last_name: str | None
    role: str | None
    company: str | None
    company_website: str | None


class ResearchLease(Lease):
    job: ResearchJob


class Claim(Frozen):
    """A statement with the words that support it, verbatim from the source's snapshot."""

    text: str
    source_id: str
    quote: str
    field: Literal["summary", "background", "company_intel", "outreach_angles"]


class ReportDraft(Frozen):
    """What a generator wrote, before the owner has checked its quotes."""

    generator: str
    summary: str
    background: str
    company_intel: str
    outreach_angles: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    role: str | None = None
    """The person's role, where a source states it."""


class ReportSource(Frozen):
    """A source as a report lists it: without its text."""

    id: str
    url: str
    status: SourceStatus
    reason: str | None
    content_hash: str | None
    fetched_at: AwareDatetime


class ReportContent(Frozen):
    """The `content` of a report as the API answers it."""

    schema_version: str = REPORT_SCHEMA_VERSION
    generator: str
    summary: str
    icp_score: Annotated[int, Field(ge=0, le=100)] | None = None
    background: str
    company_intel: str
    outreach_angles: tuple[str, ...]
    claims: tuple[Claim, ...]
    sources: tuple[ReportSource, ...]


class ResearchStepStarted(StepStarted):
    """See `StepStarted`."""


class ResearchSourceRecorded(SourceRecorded):
    """See `SourceRecorded`."""


class ResearchWorkFailed(WorkFailed):
    """See `WorkFailed`."""


class ResearchReportProduced(WorkMessage):
    """The attempt's result. `source_ids` are all the sources it recorded before this."""

    draft: ReportDraft
    source_ids: tuple[str, ...]


class ResearchEvent(Message):
    """Something public happened to a run."""

    KEY: ClassVar[str] = "person_id"

    run_id: str
    user_id: str
    person_id: str


class ResearchRunStarted(ResearchEvent):
    """The run was dispatched."""


class ResearchRunCompleted(ResearchEvent):
    """A report was stored."""

    report_version: int


class ResearchRunFailed(ResearchEvent):
    """The run ended without a report; its credit is returned unless the deployer keeps it.

    `code` says why; the sentence for people, which may name pages, is the run's own.
    """

    code: str


class ResearchRunCancelled(ResearchEvent):
    """The run was stopped before it had a report; its credit is returned."""


class ResearchRunRolledBack(ResearchEvent):
    """The run could not be dispatched; nothing was charged."""


class ResearchPersonDeleted(Message):
    """The person, their reports and sources are gone."""

    KEY: ClassVar[str] = "person_id"

    user_id: str
    person_id: str
