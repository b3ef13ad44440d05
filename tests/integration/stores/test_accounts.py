"""Accounts, holds and transfers."""

from dataclasses import replace

import pytest
import sqlalchemy.exc

from libs.messaging.errors import Poison
from services.credits.domain import Account, EntryKind, Hold, HoldState, Transfer
from services.credits.ports import CreditsStore
from tests.integration.stores.rows import NOW, transfer
from tests.integration.stores.stage import Stage

H = HoldState
Ledger = Stage[CreditsStore]


async def test_locking_makes_the_accounts_that_are_missing(ledger: Ledger) -> None:
    async with ledger.begin() as tx:
        await tx.store.lock_accounts(["bob"])
        await tx.store.save([Account("bob", 5, 2)], [], [], NOW)
    async with ledger.begin() as tx:
        found = await tx.store.lock_accounts(["cleo", "bob", "ada", "cleo"])
        assert found == {
            "ada": Account("ada"),
            "bob": Account("bob", 5, 2),
            "cleo": Account("cleo"),
        }
        assert await tx.store.lock_accounts([]) == {}
        assert await tx.store.lock_accounts({"bob"}) == {"bob": Account("bob", 5, 2)}


async def test_saving_changes_the_accounts_that_it_names(ledger: Ledger) -> None:
    async with ledger.begin() as tx:
        await tx.store.lock_accounts(["ada", "bob"])
        await tx.store.save([Account("ada", 2**40, 7), Account("bob", 1)], [], [], NOW)
        await tx.store.save([Account("ada", 3, 3)], [], [], NOW)
    found = await ledger.run(lambda tx: tx.store.lock_accounts(["ada", "bob"]))
    assert found == {"ada": Account("ada", 3, 3), "bob": Account("bob", 1)}


async def test_saving_makes_no_account(ledger: Ledger) -> None:
    async with ledger.begin() as tx:
        await tx.store.save([Account("ada", 5)], [], [], NOW)
        assert await tx.store.lock_accounts(["ada"]) == {"ada": Account("ada")}


async def test_saving_nothing_changes_nothing(ledger: Ledger) -> None:
    await ledger.run(lambda tx: tx.store.save([], [], [], NOW))
    assert await ledger.run(lambda tx: tx.store.holds(["run"])) == {}


@pytest.mark.parametrize(
    ("account", "constraint"),
    [
        (Account("ada", 1, 2), "balance_not_negative"),
        (Account("ada", -1, 0), "balance_not_negative"),
        (Account("ada", 1, -1), "held_not_negative"),
    ],
)
async def test_a_balance_is_never_negative(
    ledger: Ledger, account: Account, constraint: str
) -> None:
    await ledger.run(lambda tx: tx.store.lock_accounts(["ada"]))
    with pytest.raises(sqlalchemy.exc.IntegrityError, match=constraint):
        await ledger.run(lambda tx: tx.store.save([account], [], [], NOW))
    assert await ledger.run(lambda tx: tx.store.lock_accounts(["ada"])) == {"ada": Account("ada")}


async def test_holds_are_those_of_the_runs_that_have_one(ledger: Ledger) -> None:
    one, two = Hold("run_1", "ada", 2**40, H.HELD), Hold("run_2", "bob", 0, H.VOIDED)
    await ledger.run(lambda tx: tx.store.save([], [one, two], [], NOW))
    async with ledger.begin() as tx:
        assert await tx.store.holds([]) == {}
        assert await tx.store.holds(["none"]) == {}
        found = await tx.store.holds(["run_2", "none", "run_1", "run_2"])
        assert found == {"run_1": one, "run_2": two}


@pytest.mark.parametrize("state", HoldState)
async def test_a_hold_can_be_in_every_state(ledger: Ledger, state: HoldState) -> None:
    new = Hold("new", "ada", 1, state)
    old = Hold("old", "ada", 1, H.HELD)
    await ledger.run(lambda tx: tx.store.save([], [old], [], NOW))
    await ledger.run(lambda tx: tx.store.save([], [new, replace(old, state=state)], [], NOW))
    found = await ledger.run(lambda tx: tx.store.holds(["new", "old"]))
    assert found == {"new": new, "old": replace(old, state=state)}
    assert {type(hold.state) for hold in found.values()} == {HoldState}


async def test_of_a_hold_only_the_state_changes(ledger: Ledger) -> None:
    await ledger.run(lambda tx: tx.store.save([], [Hold("run", "ada", 3, H.HELD)], [], NOW))
    await ledger.run(lambda tx: tx.store.save([], [Hold("run", "ada", 9, H.CHARGED)], [], NOW))
    found = await ledger.run(lambda tx: tx.store.holds(["run"]))
    assert found == {"run": Hold("run", "ada", 3, H.CHARGED)}


@pytest.mark.parametrize("existing", [False, True])
async def test_nobody_holds_less_than_nothing(ledger: Ledger, existing: bool) -> None:
    if existing:
        await ledger.run(lambda tx: tx.store.save([], [Hold("run", "ada", 1, H.HELD)], [], NOW))
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="amount_not_negative"):
        await ledger.run(lambda tx: tx.store.save([], [Hold("run", "ada", -1, H.HELD)], [], NOW))


async def test_a_hold_stays_with_its_account(ledger: Ledger) -> None:
    held = Hold("run", "ada", 1, H.HELD)
    await ledger.run(lambda tx: tx.store.save([], [held], [], NOW))
    with pytest.raises(Poison, match="run belongs to another account"):
        await ledger.run(
            lambda tx: tx.store.save(
                [], [Hold("new", "bob", 1, H.HELD), Hold("run", "bob", 1, H.VOIDED)], [], NOW
            )
        )
    assert await ledger.run(lambda tx: tx.store.holds(["new", "run"])) == {"run": held}


@pytest.mark.parametrize("existing", [False, True])
async def test_a_hold_is_saved_once_in_a_call(ledger: Ledger, existing: bool) -> None:
    held = Hold("run", "ada", 1, H.HELD)
    if existing:
        await ledger.run(lambda tx: tx.store.save([], [held], [], NOW))
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="cannot affect row a second time"):
        await ledger.run(
            lambda tx: tx.store.save([], [held, replace(held, state=H.CHARGED)], [], NOW)
        )


async def test_a_transfer_is_known_once_it_is_posted(ledger: Ledger) -> None:
    charge = Transfer("run_1:charge", "ada", "@revenue", 1, EntryKind.CHARGE, "run_1", "why", 4)
    async with ledger.begin() as tx:
        assert not await tx.store.transfer_exists("grant")
        await tx.store.save([], [], [transfer("grant"), charge], NOW)
        assert await tx.store.transfer_exists("grant")
    assert await ledger.run(lambda tx: tx.store.transfer_exists("run_1:charge"))
    assert not await ledger.run(lambda tx: tx.store.transfer_exists("run_1"))


async def test_a_transfer_is_posted_once(ledger: Ledger) -> None:
    await ledger.run(lambda tx: tx.store.save([], [], [transfer("grant")], NOW))
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_entry_per_transfer"):
        await ledger.run(
            lambda tx: tx.store.save([], [], [transfer("other"), transfer("grant")], NOW)
        )
    assert not await ledger.run(lambda tx: tx.store.transfer_exists("other"))


@pytest.mark.parametrize(
    "transfers",
    [
        [transfer("grant", "ada"), transfer("grant", "ada")],
        [transfer("grant", "ada"), transfer("grant", "bob")],
        [transfer("grant", "ada", source="ada")],
    ],
    ids=["twice", "from one source", "to itself"],
)
async def test_an_account_has_one_entry_of_a_transfer(
    ledger: Ledger, transfers: list[Transfer]
) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_entry_per_transfer"):
        await ledger.run(lambda tx: tx.store.save([], [], transfers, NOW))
    assert not await ledger.run(lambda tx: tx.store.transfer_exists("grant"))


async def test_a_save_that_fails_leaves_nothing(ledger: Ledger) -> None:
    await ledger.run(lambda tx: tx.store.save([], [], [transfer("grant")], NOW))
    await ledger.run(lambda tx: tx.store.lock_accounts(["ada"]))
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        await ledger.run(
            lambda tx: tx.store.save(
                iter([Account("ada", 5)]),
                iter([Hold("run", "ada", 1, H.HELD)]),
                iter([transfer("grant")]),
                NOW,
            )
        )
    assert await ledger.run(lambda tx: tx.store.lock_accounts(["ada"])) == {"ada": Account("ada")}
    assert await ledger.run(lambda tx: tx.store.holds(["run"])) == {}
