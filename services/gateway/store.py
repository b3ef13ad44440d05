"""Every SQL statement of the gateway."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.gateway.keys import KEY, NewKey, digest, prefix

SELECT_KEY = sa.text("""
    SELECT users.id, users.kind, users.email, api_keys.sha256
    FROM api_keys JOIN users ON users.id = api_keys.user_id
    WHERE prefix = :prefix AND revoked_at IS NULL
""")

INSERT_USER = sa.text("""
    INSERT INTO users (id, kind, email, created_at) VALUES (:id, :kind, :email, :now)
""")

INSERT_KEY = sa.text("""
    INSERT INTO api_keys (prefix, sha256, user_id, created_at)
    SELECT :prefix, :sha256, id, :now FROM users WHERE id = :user_id
""")

SETUP_LOCK = 0x0D0551E4

FIND_USER = sa.text("SELECT true FROM users WHERE id = :id")
FIND_ADMIN = sa.text("SELECT true FROM users WHERE kind = 'admin'")


class Kind(StrEnum):
    """What a caller may do."""

    USER = "user"
    PARTNER = "partner"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """A caller."""

    id: str
    kind: Kind
    email: str | None = None


class Store:
    """Users and keys. Each call is one transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def user_of_key(self, key: str) -> User | None:
        """Who a key belongs to; None if it is unknown or revoked."""
        if not KEY.fullmatch(key):
            return None
        async with self._engine.connect() as connection:
            row = (await connection.execute(SELECT_KEY, {"prefix": prefix(key)})).one_or_none()
        if row is None or not hmac.compare_digest(bytes(row.sha256), digest(key)):
            return None
        return User(row.id, Kind(row.kind), row.email)

    async def user_exists(self, user_id: str) -> bool:
        """Whether there is such a user."""
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(FIND_USER, {"id": user_id}))

    async def add_user(self, user: User, now: datetime) -> None:
        """Adds a caller."""
        async with self._engine.begin() as connection:
            await connection.execute(
                INSERT_USER, {"id": user.id, "kind": user.kind, "email": user.email, "now": now}
            )

    async def add_key(self, user_id: str, key: NewKey, now: datetime) -> bool:
        """Gives a user a key; False if there is no such user."""
        async with self._engine.begin() as connection:
            values = {"prefix": key.prefix, "sha256": key.sha256, "user_id": user_id, "now": now}
            return (await connection.execute(INSERT_KEY, values)).rowcount == 1

    async def add_first_admin(self, user: User, key: NewKey, now: datetime) -> bool:
        """Adds an administrator with a key; False if there is one already."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({SETUP_LOCK})"))
            if await connection.scalar(FIND_ADMIN):
                return False
            await connection.execute(
                INSERT_USER, {"id": user.id, "kind": user.kind, "email": None, "now": now}
            )
            values = {"prefix": key.prefix, "sha256": key.sha256, "user_id": user.id, "now": now}
            await connection.execute(INSERT_KEY, values)
        return True
