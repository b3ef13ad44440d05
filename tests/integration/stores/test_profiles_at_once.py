"""Several transactions that want the same slot."""

from datetime import timedelta

import pytest

from services.context.ports import ContextStore
from tests.integration.stores.rows import at, profile
from tests.integration.stores.stage import MANY, Stage, Work

Context = Stage[ContextStore]

WINDOW = timedelta(seconds=60)


def taking(s: float = 0.0, user_id: str = "ada") -> Work[ContextStore, bool]:
    wanted = profile(user_id, last_context_regenerated_at=at(s))
    return lambda tx: tx.store.take_slot(wanted, at(s), WINDOW)


@pytest.mark.parametrize("known", [True, False])
async def test_of_many_regenerations_one_gets_the_slot(context: Context, known: bool) -> None:
    if known:
        await context.run(lambda tx: tx.store.save_profile(profile()))
    taken = await context.at_once([taking(number / 1000) for number in range(MANY)])
    assert sorted(taken) == [False] * (MANY - 1) + [True]
    found = await context.run(lambda tx: tx.store.lock_profiles(["ada"]))
    assert found["ada"].last_context_regenerated_at == at(taken.index(True) / 1000)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("commits", [True, False])
async def test_a_regeneration_waits_for_the_one_before_it(
    context: Context, known: bool, commits: bool
) -> None:
    if known:
        await context.run(lambda tx: tx.store.save_profile(profile()))
    async with context.ending(commits) as first:
        assert await taking(0)(first)
        second = await context.blocked(taking(1))
    assert await second is not commits


async def test_who_did_not_get_the_slot_keeps_the_profile_locked(context: Context) -> None:
    await context.run(taking(0))
    async with context.begin() as first:
        assert not await taking(1)(first)
        second = await context.blocked(lambda tx: tx.store.lock_profiles(["ada"]))
    assert (await second).keys() == {"ada"}


async def test_a_slot_is_taken_anew_when_its_profile_has_gone(context: Context) -> None:
    await context.run(taking(0))
    async with context.begin() as first:
        await first.store.delete_profile("ada")
        second = await context.blocked(taking(1))
        third = await context.blocked(lambda tx: tx.store.lock_profiles(["ada"]))
    assert await second
    assert await third == {}


async def test_deleting_a_profile_does_not_wait_for_one_that_is_not_committed(
    context: Context,
) -> None:
    async with context.begin() as first:
        await taking(0)(first)
        await context.run(lambda tx: tx.store.delete_profile("ada"))
    async with context.begin() as first:
        await first.store.delete_profile("none")
        assert await context.run(taking(0, "none"))
