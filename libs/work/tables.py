"""The columns that every service's `runs` and `sources` tables have."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

OPEN_STATES = "('holding', 'dispatching', 'queued', 'working')"


class RunRow(SQLModel):
    """See `libs.work.run.Run`."""

    id: str = Field(primary_key=True)
    user_id: str
    state: str
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    traceparent: str
    due_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    step: str | None = None
    attempt: int = 0
    token: str | None = None
    worker: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    reply_partition: int | None = None
    reply_correlation_id: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))


class SourceRow(SQLModel):
    """A page that a run tried to read; `text` is the snapshot that quotes are checked against."""

    run_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    url: str
    status: str
    reason: str | None
    via: str | None
    title: str | None
    content_hash: str | None
    fetched_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    text: str
