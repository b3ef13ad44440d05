"""The tables of the context service."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from libs.messaging.inbox import InboxRow
from libs.messaging.outbox import OutboxRow
from libs.work.tables import RunRow, SourceRow

metadata = sa.MetaData()


class Base(SQLModel):
    metadata = metadata


class ProfileTable(Base, table=True):
    """One row a user: the generated sections, the user's own words, and the slot."""

    __tablename__ = "user_profiles"

    user_id: str = Field(primary_key=True)
    user_context: dict[str, Any] = Field(sa_type=JSONB)
    company_context: dict[str, Any] = Field(sa_type=JSONB)
    content_context: dict[str, Any] = Field(sa_type=JSONB)
    market_context: dict[str, Any] = Field(sa_type=JSONB)
    extra_context: dict[str, Any] | None = Field(sa_type=JSONB)
    evidence: dict[str, Any] = Field(sa_type=JSONB)
    generator: str | None
    first_name: str | None
    last_name: str | None
    company_name: str | None
    website: str | None
    last_context_regenerated_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class RunTable(Base, RunRow, table=True):
    """One request to regenerate a context."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.Index("runs_of_user", "user_id", "created_at"),
        sa.Index("due_runs", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
    )

    website: str | None
    linkedin_url: str | None
    company_linkedin_url: str | None
    freeform: str | None
    stamp: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    prior_stamp: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    prior_freeform: str | None
    creates_profile: bool
    rejected_as: str | None
    next_available_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))


class SourceTable(Base, SourceRow, table=True):
    """A page that a run tried to read."""

    __tablename__ = "sources"


class OutboxTable(Base, OutboxRow, table=True):
    __tablename__ = "outbox"


class InboxTable(Base, InboxRow, table=True):
    __tablename__ = "inbox"
