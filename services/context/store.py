"""Every SQL statement of the context service, besides those of every kind of run."""

import json
from collections.abc import Collection
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from libs.contracts.gateway import Outcome
from libs.work.store import RUN_COLUMN_TYPES, RunStore
from services.context.domain import ContextRun, Profile

PROFILE_COLUMNS = [field.name for field in fields(Profile)]
JSON_COLUMNS = frozenset(
    {
        "user_context",
        "company_context",
        "content_context",
        "market_context",
        "extra_context",
        "evidence",
    }
)
_NAMES = ", ".join(PROFILE_COLUMNS)
_VALUES = ", ".join(
    f"CAST(:{name} AS jsonb)" if name in JSON_COLUMNS else f":{name}" for name in PROFILE_COLUMNS
)
_ASSIGNMENTS = ", ".join(
    f"{name} = excluded.{name}" for name in PROFILE_COLUMNS if name != "user_id"
)

CONTEXT_COLUMN_TYPES = {**RUN_COLUMN_TYPES, "rejected_as": "text"}

# Sorted, so that two batches over the same users wait for each other and never deadlock.
LOCK_PROFILES = sa.text(f"""
    SELECT {_NAMES} FROM user_profiles
    WHERE user_id = ANY(CAST(:ids AS text[])) ORDER BY user_id FOR UPDATE
""")  # noqa: S608 (column names of our own dataclass)

LOCK_PROFILES_OF_RUNS = sa.text("""
    SELECT user_id FROM user_profiles
    WHERE user_id IN (SELECT user_id FROM runs WHERE id = ANY(CAST(:run_ids AS text[])))
    ORDER BY user_id FOR UPDATE
""")

# Profiles that are not there yet cannot be locked, and inserting them after others were
# locked would be out of order: batches of new users wait for each other here.
LOCK_USERS = sa.text("""
    SELECT pg_advisory_xact_lock(key) FROM (
        SELECT DISTINCT hashtextextended(id, 0) AS key
        FROM unnest(CAST(:ids AS text[])) AS id ORDER BY key) AS sorted
""")

# The compare-and-swap on the slot: one statement decides, whoever else is asking.
TAKE_SLOT = sa.text(f"""
    INSERT INTO user_profiles ({_NAMES}) VALUES ({_VALUES})
    ON CONFLICT (user_id) DO UPDATE SET
        last_context_regenerated_at = excluded.last_context_regenerated_at,
        extra_context = excluded.extra_context,
        updated_at = excluded.updated_at
    WHERE user_profiles.last_context_regenerated_at IS NULL
        OR user_profiles.last_context_regenerated_at <= :opens
    RETURNING user_id
""")  # noqa: S608 (column names of our own dataclass)

SAVE_PROFILE = sa.text(f"""
    INSERT INTO user_profiles ({_NAMES}) VALUES ({_VALUES})
    ON CONFLICT (user_id) DO UPDATE SET {_ASSIGNMENTS}
""")  # noqa: S608 (column names of our own dataclass)

DELETE_PROFILE = sa.text("DELETE FROM user_profiles WHERE user_id = :id")
READ_PROFILE = sa.text("SELECT * FROM user_profiles WHERE user_id = :id")


class PostgresStore(RunStore[ContextRun], model=ContextRun, changing=CONTEXT_COLUMN_TYPES):
    """The store within the transaction that `connection` is in."""

    def _run(self, row: Any) -> ContextRun:
        run = super()._run(row)
        rejected_as = Outcome(run.rejected_as) if run.rejected_as else None
        return ContextRun(**{**asdict(run), "rejected_as": rejected_as})

    async def _lock_subjects(self, run_ids: Collection[str]) -> None:
        await self._connection.execute(LOCK_PROFILES_OF_RUNS, {"run_ids": list(run_ids)})

    async def lock_users(self, user_ids: Collection[str]) -> None:
        """Keeps other batches that may give these users a profile waiting. Before all locks."""
        await self._connection.execute(LOCK_USERS, {"ids": list(user_ids)})

    async def lock_profiles(self, user_ids: Collection[str]) -> dict[str, Profile]:
        """Locks profiles until the transaction ends."""
        rows = await self._connection.execute(LOCK_PROFILES, {"ids": list(user_ids)})
        return {row.user_id: Profile(**row._mapping) for row in rows}

    async def take_slot(self, profile: Profile, now: datetime, window: timedelta) -> bool:
        """Puts a new stamp and free text on the profile, if its window is open."""
        values = {**_values(profile), "opens": now - window}
        return (await self._connection.execute(TAKE_SLOT, values)).one_or_none() is not None

    async def save_profile(self, profile: Profile) -> None:
        """Writes a locked profile back."""
        await self._connection.execute(SAVE_PROFILE, _values(profile))

    async def delete_profile(self, user_id: str) -> None:
        """Removes a profile."""
        await self._connection.execute(DELETE_PROFILE, {"id": user_id})

    async def profile(self, user_id: str) -> Profile | None:
        """A profile as it is now, without a lock."""
        row = (await self._connection.execute(READ_PROFILE, {"id": user_id})).one_or_none()
        return Profile(**row._mapping) if row else None


def _values(profile: Profile) -> dict[str, Any]:
    return {
        name: json.dumps(value) if name in JSON_COLUMNS and value is not None else value
        for name, value in asdict(profile).items()
    }
