"""Profiles, and the slot on each."""

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.context.domain import Profile
from services.context.ports import ContextStore
from tests.integration.stores.rows import at, profile
from tests.integration.stores.stage import Stage

Context = Stage[ContextStore]

WINDOW = timedelta(seconds=60)
FULL: dict[str, Any] = {
    "user_context": {"role": "Føunder", "topics": ["a", "b"]},
    "company_context": {"name": "Example", "size": 12, "public": False, "parent": None},
    "content_context": {"tone": {"voice": "plain"}},
    "market_context": {"segments": []},
    "extra_context": {"freeform": "Our own words.", "more": 1},
    "evidence": {"company.name": [{"source_id": "src_1", "quote": "“Example”"}]},
    "generator": "offline",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "company_name": "Example",
    "website": "https://example.com",
    "last_context_regenerated_at": at(-5),
    "updated_at": at(-4),
}


async def have(context: Context, *profiles: Profile) -> None:
    """Commits profiles."""
    async with context.begin() as tx:
        for each in profiles:
            await tx.store.save_profile(each)


async def read(context: Context, user_id: str = "ada") -> Profile | None:
    """A profile as it is committed."""
    return (await context.run(lambda tx: tx.store.lock_profiles([user_id]))).get(user_id)


async def test_profiles_come_back_as_they_were_saved(context: Context) -> None:
    assert FULL.keys() | {"user_id"} == {field.name for field in fields(Profile)}
    full, plain = profile("full", **FULL), profile("plain", extra_context={})
    await have(context, full, plain)
    async with context.begin() as tx:
        found = await tx.store.lock_profiles(["plain", "none", "full", "plain"])
        assert found == {"full": full, "plain": plain}
        assert list(found) == ["full", "plain"]
        assert await tx.store.lock_profiles([]) == await tx.store.lock_profiles({"none"}) == {}


async def test_saving_replaces_the_whole_profile(context: Context) -> None:
    await have(context, profile(**FULL), profile("other"))
    await have(context, profile())
    assert await read(context) == profile()
    await have(context, profile(**FULL))
    assert await read(context) == profile(**FULL)
    assert await read(context, "other") == profile("other")


async def test_a_stored_profile_is_nobody_elses_object(context: Context) -> None:
    mine: dict[str, Any] = {"topics": ["a"]}
    await have(context, profile(user_context=mine))
    mine["topics"].append("b")
    found = await read(context)
    assert found == profile(user_context={"topics": ["a"]})
    found.user_context["topics"].append("c")
    assert await read(context) == profile(user_context={"topics": ["a"]})


async def test_a_profile_is_stored_as_json(context: Context) -> None:
    await have(context, profile(company_context={"names": ("a", "b"), 1: "one"}))
    assert await read(context) == profile(company_context={"names": ["a", "b"], "1": "one"})
    with pytest.raises(TypeError):
        await have(context, profile(company_context={"since": at(0)}))


async def test_a_profile_can_be_deleted(context: Context) -> None:
    await have(context, profile(), profile("other"))
    async with context.begin() as tx:
        await tx.store.delete_profile("none")
        await tx.store.delete_profile("ada")
        assert await tx.store.lock_profiles(["ada"]) == {}
        await tx.store.delete_profile("ada")
    assert await read(context) is None
    assert await read(context, "other") == profile("other")


async def test_taking_the_slot_makes_a_profile(context: Context) -> None:
    new = profile(**FULL)
    assert await context.run(lambda tx: tx.store.take_slot(new, at(0), WINDOW))
    assert await read(context) == new


@pytest.mark.parametrize("stamp", [None, at(-60), at(-99)])
async def test_an_open_slot_is_taken(context: Context, stamp: datetime | None) -> None:
    before = profile(**FULL | {"last_context_regenerated_at": stamp})
    await have(context, before, profile("other"))
    wanted = profile(
        last_context_regenerated_at=at(-1),
        extra_context={"freeform": "New."},
        updated_at=at(1),
        first_name="Eve",
    )
    assert await context.run(lambda tx: tx.store.take_slot(wanted, at(0), WINDOW))
    assert await read(context) == replace(
        before,
        last_context_regenerated_at=at(-1),
        extra_context={"freeform": "New."},
        updated_at=at(1),
    )
    assert await read(context, "other") == profile("other")


async def test_taking_the_slot_may_take_the_words_away(context: Context) -> None:
    before = profile(extra_context={"freeform": "Old."})
    await have(context, before)
    wanted = profile(last_context_regenerated_at=at(0))
    assert await context.run(lambda tx: tx.store.take_slot(wanted, at(0), WINDOW))
    assert await read(context) == wanted


@pytest.mark.parametrize("stamp", [at(-59.999999), at(0), at(30)])
async def test_a_taken_slot_is_not_taken_again(context: Context, stamp: datetime) -> None:
    before = profile(**FULL | {"last_context_regenerated_at": stamp})
    await have(context, before)
    async with context.begin() as tx:
        wanted = profile(last_context_regenerated_at=at(0), updated_at=at(0))
        assert not await tx.store.take_slot(wanted, at(0), WINDOW)
    assert await read(context) == before


async def test_a_slot_is_taken_once_in_a_transaction(context: Context) -> None:
    wanted = profile(last_context_regenerated_at=at(0))
    async with context.begin() as tx:
        assert await tx.store.take_slot(wanted, at(0), WINDOW)
        assert not await tx.store.take_slot(wanted, at(0), WINDOW)
