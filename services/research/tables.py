"""The tables of the research service."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from libs.messaging.inbox import InboxRow
from libs.messaging.outbox import OutboxRow
from libs.work.tables import OPEN_STATES, RunRow, SourceRow

metadata = sa.MetaData()


class Base(SQLModel):
    metadata = metadata


class PersonTable(Base, table=True):
    """Somebody a user wants to reach."""

    __tablename__ = "people"
    __table_args__ = (
        sa.CheckConstraint(
            "(status = 'running') = (active_run_id IS NOT NULL)", name="running_has_a_run"
        ),
        sa.Index(
            "one_person_per_profile",
            "user_id",
            "linkedin_slug",
            unique=True,
            postgresql_where=sa.text("linkedin_slug IS NOT NULL"),
        ),
        sa.Index("people_of_user", "user_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True)
    user_id: str
    status: str
    active_run_id: str | None
    first_name: str | None
    last_name: str | None
    linkedin_url: str | None
    linkedin_slug: str | None
    role: str | None
    company: str | None
    company_domain: str | None
    company_website: str | None
    photo_url: str | None
    last_enriched_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class RunTable(Base, RunRow, table=True):
    """One request to research a person. Outlives the person, without personal data."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.Index(
            "one_open_run_per_person",
            "person_id",
            unique=True,
            postgresql_where=sa.text(f"state IN {OPEN_STATES}"),
        ),
        sa.Index("runs_of_person", "person_id"),
        sa.Index("due_runs", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
    )

    person_id: str
    refresh: bool
    creates_person: bool
    prior_status: str
    settlement: str
    price: int | None
    balance: int | None
    rejected_as: str | None
    current_run_id: str | None
    report_version: int | None


class SourceTable(Base, SourceRow, table=True):
    """A page that a run tried to read."""

    __tablename__ = "sources"


class ReportTable(Base, table=True):
    """A report. Never changed; a newer run adds a version."""

    __tablename__ = "reports"
    __table_args__ = (
        sa.UniqueConstraint("person_id", "version", name="one_report_per_version"),
        sa.UniqueConstraint("run_id", name="one_report_per_run"),
    )

    id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="people.id", ondelete="CASCADE")
    run_id: str
    version: int
    content: dict[str, Any] = Field(sa_type=JSONB)
    change_summary: str | None
    generated_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class OutboxTable(Base, OutboxRow, table=True):
    __tablename__ = "outbox"


class InboxTable(Base, InboxRow, table=True):
    __tablename__ = "inbox"
