"""Several transactions that want the same account, hold or transfer."""

import pytest
import sqlalchemy.exc

from libs.messaging.errors import Poison
from libs.messaging.unit import Transaction
from services.credits.domain import Account, Hold, HoldState
from services.credits.ports import CreditsStore
from tests.integration.stores.rows import NOW, transfer
from tests.integration.stores.stage import MANY, Stage, Work

Ledger = Stage[CreditsStore]


def locking(ids: str) -> Work[CreditsStore, dict[str, Account]]:
    return lambda tx: tx.store.lock_accounts(list(ids))


async def test_many_increments_at_once_are_all_counted(ledger: Ledger) -> None:
    async def increment(tx: Transaction[CreditsStore]) -> None:
        account = (await tx.store.lock_accounts(["ada"]))["ada"]
        await tx.store.save([Account("ada", account.posted + 1)], [], [], NOW)

    await ledger.at_once([increment] * MANY)
    found = await ledger.run(lambda tx: tx.store.lock_accounts(["ada"]))
    assert found == {"ada": Account("ada", MANY)}


@pytest.mark.parametrize("known", ["", "abc"])
async def test_accounts_are_made_and_locked_in_the_order_of_their_ids(
    ledger: Ledger, known: str
) -> None:
    await ledger.run(locking(known))
    async with ledger.begin() as first:
        await locking("b")(first)
        second = await ledger.blocked(locking("cba"))
        assert (await ledger.run(locking("c"))).keys() == {"c"}
        third = await ledger.blocked(locking("ab"))
    assert (await second).keys() == set("abc")
    assert (await third).keys() == set("ab")


async def test_accounts_are_made_before_any_is_locked(ledger: Ledger) -> None:
    """Who makes one while holding another would take them out of order, and deadlock."""
    await ledger.run(locking("b"))
    async with ledger.begin() as first:
        await locking("a")(first)
        second = await ledger.blocked(locking("ab"))
        assert (await ledger.run(locking("b"))).keys() == {"b"}
    assert (await second).keys() == set("ab")


async def test_who_locks_a_new_account_waits_for_whoever_makes_it(ledger: Ledger) -> None:
    async with ledger.begin() as first:
        await first.store.lock_accounts(["ada"])
        second = await ledger.blocked(lambda tx: tx.store.lock_accounts(["ada"]))
        await first.store.save([Account("ada", 5)], [], [], NOW)
    assert await second == {"ada": Account("ada", 5)}


async def test_an_account_whose_making_is_undone_is_made_by_the_next(ledger: Ledger) -> None:
    async with ledger.ending(commits=False) as first:
        await first.store.lock_accounts(["ada"])
        await first.store.save([Account("ada", 5)], [], [], NOW)
        second = await ledger.blocked(lambda tx: tx.store.lock_accounts(["ada"]))
    assert await second == {"ada": Account("ada")}


@pytest.mark.parametrize("commits", [True, False])
async def test_a_run_is_held_for_the_account_that_came_first(ledger: Ledger, commits: bool) -> None:
    ada, bob = (Hold("run", account, 1, HoldState.HELD) for account in ("ada", "bob"))
    async with ledger.ending(commits) as first:
        await first.store.save([], [ada], [], NOW)
        assert await ledger.run(lambda tx: tx.store.holds(["run"])) == {}
        second = await ledger.blocked(lambda tx: tx.store.save([], [bob], [], NOW))
    if commits:
        with pytest.raises(Poison, match="another account"):
            await second
    else:
        await second
    found = await ledger.run(lambda tx: tx.store.holds(["run"]))
    assert found == {"run": ada if commits else bob}


@pytest.mark.parametrize("commits", [True, False])
async def test_a_transfer_waits_for_the_one_before_it(ledger: Ledger, commits: bool) -> None:
    async with ledger.ending(commits) as first:
        await first.store.save([], [], [transfer("grant")], NOW)
        assert not await ledger.run(lambda tx: tx.store.transfer_exists("grant"))
        second = await ledger.blocked(lambda tx: tx.store.save([], [], [transfer("grant")], NOW))
    if commits:
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_entry_per_transfer"):
            await second
    else:
        await second
    assert await ledger.run(lambda tx: tx.store.transfer_exists("grant"))
