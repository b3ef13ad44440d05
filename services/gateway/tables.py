"""The tables of the gateway."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

metadata = sa.MetaData()


class Base(SQLModel):
    metadata = metadata


class UserTable(Base, table=True):
    """Somebody who may call the API: a user, a partner or an administrator."""

    __tablename__ = "users"
    __table_args__ = (
        sa.CheckConstraint("kind IN ('user', 'partner', 'admin')", name="known_kind"),
    )

    id: str = Field(primary_key=True)
    kind: str
    email: str | None
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class ApiKeyTable(Base, table=True):
    """A key, by its public prefix; of the key itself only the SHA-256 is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (sa.Index("keys_of_user", "user_id"),)

    prefix: str = Field(primary_key=True)
    sha256: bytes
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE")
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    revoked_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
