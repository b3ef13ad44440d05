"""Profiles in memory. See `services.context.store.PostgresStore`."""

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from services.context.domain import ContextRun, Profile
from services.context.store import CONTEXT_COLUMN_TYPES, JSON_COLUMNS
from tests.simulation.stores.runs import MemoryRuns

PROFILES, USERS = "user_profiles", "advisory_locks_of_users"


class MemoryContext(MemoryRuns[ContextRun], model=ContextRun, changing=CONTEXT_COLUMN_TYPES):
    """The store within one transaction."""

    _subjects = PROFILES

    def _subject(self, run: ContextRun) -> str:
        return run.user_id

    async def lock_users(self, user_ids: Collection[str]) -> None:
        await self._session.statement()
        for user_id in sorted(user_ids):
            await self._session.own(USERS, user_id)

    async def lock_profiles(self, user_ids: Collection[str]) -> dict[str, Profile]:
        await self._session.statement()
        found = await self._session.lock(PROFILES, set(user_ids))
        return {profile.user_id: _copy(profile) for profile in found}

    async def take_slot(self, profile: Profile, now: datetime, window: timedelta) -> bool:
        await self._session.statement()
        await self._session.own(PROFILES, profile.user_id)
        before: Profile | None = self._session.get(PROFILES, profile.user_id)
        if before is None:
            await self._session.put(PROFILES, profile.user_id, _copy(profile))
            return True
        stamp = before.last_context_regenerated_at
        if stamp is not None and stamp > now - window:
            return False
        taken = replace(
            before,
            last_context_regenerated_at=profile.last_context_regenerated_at,
            extra_context=profile.extra_context,
            updated_at=profile.updated_at,
        )
        await self._session.put(PROFILES, profile.user_id, _copy(taken))
        return True

    async def save_profile(self, profile: Profile) -> None:
        await self._session.statement()
        await self._session.put(PROFILES, profile.user_id, _copy(profile))

    async def delete_profile(self, user_id: str) -> None:
        await self._session.statement()
        for profile in await self._session.lock(PROFILES, [user_id]):
            await self._session.put(PROFILES, profile.user_id, None)


def _copy(profile: Profile) -> Profile:
    """The profile as a row has it: its sections are JSON, and nobody else's objects."""
    sections = {name: getattr(profile, name) for name in JSON_COLUMNS}
    return replace(profile, **json.loads(json.dumps(sections)))
