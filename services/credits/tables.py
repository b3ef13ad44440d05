"""The tables of the credits service."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from libs.messaging.inbox import InboxRow
from libs.messaging.outbox import OutboxRow

metadata = sa.MetaData()


class Base(SQLModel):
    metadata = metadata


class AccountTable(Base, table=True):
    """One account a tenant. `posted - held` is what can be spent."""

    __tablename__ = "accounts"
    __table_args__ = (
        sa.CheckConstraint("held >= 0", name="held_not_negative"),
        sa.CheckConstraint("posted >= held", name="balance_not_negative"),
    )

    id: str = Field(primary_key=True)
    posted: int = Field(sa_type=sa.BigInteger)
    held: int = Field(sa_type=sa.BigInteger)


class HoldTable(Base, table=True):
    """One hold a run, for ever: it is also the memory of how the run was decided."""

    __tablename__ = "holds"
    __table_args__ = (
        sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
        sa.Index("open_holds", "account_id", postgresql_where=sa.text("state = 'held'")),
    )

    run_id: str = Field(primary_key=True)
    account_id: str
    amount: int = Field(sa_type=sa.BigInteger)
    state: str
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class EntryTable(Base, table=True):
    """Half of a transfer: what it did to one account. Entries are never changed."""

    __tablename__ = "entries"
    __table_args__ = (
        sa.UniqueConstraint("transfer_id", "account_id", name="one_entry_per_transfer"),
        sa.Index("entries_of_account", "account_id", "id"),
    )

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True)
    )
    transfer_id: str
    account_id: str
    amount: int = Field(sa_type=sa.BigInteger)
    kind: str
    run_id: str | None
    reason: str | None
    posted_after: int | None = Field(sa_type=sa.BigInteger)
    """The account's posted sum after this entry; system accounts keep none."""
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class OutboxTable(Base, OutboxRow, table=True):
    __tablename__ = "outbox"


class InboxTable(Base, InboxRow, table=True):
    __tablename__ = "inbox"
