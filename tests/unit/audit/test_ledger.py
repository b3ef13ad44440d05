"""Statements 2 and 3."""

from dataclasses import replace

import pytest

from libs.audit.ledger import (
    accounts_add_up,
    accounts_exist,
    entries_have_their_hold,
    held_sums,
    holds_resolve_once,
    posted_sums,
    transfers_balance,
)
from libs.audit.rows import AccountRow, EntryRow
from tests.unit.audit.sound import charge, grant, hold, refund, transfer

ENTRIES_OF = {
    "held": [],
    "voided": [],
    "declined": [],
    "charged": charge(),
    "refunded": [*charge(), *refund()],
}


@pytest.mark.parametrize("state", ENTRIES_OF)
@pytest.mark.parametrize("entries_of", ENTRIES_OF)
def test_a_hold_has_the_entries_of_its_state(state: str, entries_of: str) -> None:
    found = holds_resolve_once([hold(state=state)], ENTRIES_OF[entries_of])
    assert bool(found) == (ENTRIES_OF[state] != ENTRIES_OF[entries_of])


@pytest.mark.parametrize(
    "entries",
    [
        [*charge(), *[replace(half, transfer_id="again") for half in charge()]],
        [*charge(), *refund(), *[replace(half, transfer_id="again") for half in refund()]],
        refund(),
        transfer("r1", "charge", "ada", "@revenue", 2),
        transfer("r1", "charge", "@revenue", "ada"),
        charge(user="eve"),
    ],
)
def test_entries_that_no_hold_can_have(entries: list[EntryRow]) -> None:
    for state in ENTRIES_OF:
        [found] = holds_resolve_once([hold(state=state)], entries)
        assert (found.statement, found.subject) == (2, "r1")


def test_a_run_has_one_hold_of_a_known_state_and_no_less_than_nothing() -> None:
    assert len(holds_resolve_once([hold(), hold()], charge())) == 1
    assert len(holds_resolve_once([hold(state="lost")], [])) == 1
    assert len(holds_resolve_once([hold(state="voided", amount=-1)], [])) == 1
    assert holds_resolve_once([hold(state="voided", amount=0)], []) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"kind": "gift"},
        {"run_id": None},
        {"transfer_id": "another"},
        {"transfer_id": "r1:refund"},
        {"run_id": "r2", "transfer_id": "r2:charge"},
        {"kind": "grant"},
    ],
)
def test_an_entry_that_is_of_no_hold(spoilt: dict[str, str | None]) -> None:
    one = charge()[0]
    assert entries_have_their_hold([one], [hold()]) == []
    [found] = entries_have_their_hold([replace(one, **spoilt)], [hold()])  # type: ignore[arg-type]
    assert found.statement == 2


def test_a_grant_is_of_no_run() -> None:
    assert entries_have_their_hold(grant(), []) == []


@pytest.mark.parametrize(
    ("account", "posted", "held", "detail"),
    [
        (AccountRow("ada", 5, 0), {}, {}, "posted is 5, its entries add up to 0"),
        (AccountRow("ada", 5, 0), {"ada": 4}, {}, "posted is 5, its entries add up to 4"),
        (AccountRow("ada", 5, 1), {"ada": 5}, {}, "held is 1, its open holds add up to 0"),
        (AccountRow("ada", 5, 0), {"ada": 5}, {"ada": 2}, "held is 0, its open holds add up to 2"),
        (AccountRow("ada", 5, -1), {"ada": 5}, {"ada": -1}, "held is -1"),
        (AccountRow("ada", 1, 2), {"ada": 1}, {"ada": 2}, "posted is 1, less than held, 2"),
        (AccountRow("ada", -1, 0), {"ada": -1}, {}, "posted is -1, less than held, 0"),
    ],
)
def test_an_account_that_does_not_add_up(
    account: AccountRow, posted: dict[str, int], held: dict[str, int], detail: str
) -> None:
    [found] = accounts_add_up([account], posted, held)
    assert (found.statement, found.subject, found.detail) == (3, "ada", detail)


def test_an_account_that_adds_up() -> None:
    entries = [*grant(), *charge(), *grant("eve", 3)]
    holds = [hold(), hold(run_id="r2", state="held", amount=2), hold(run_id="r3", state="voided")]
    accounts = [AccountRow("ada", 9, 2), AccountRow("eve", 3, 0), AccountRow("new", 0, 0)]
    assert accounts_add_up(accounts, posted_sums(entries), held_sums(holds)) == []


def test_accounts_that_are_named_exist() -> None:
    accounts = [AccountRow("ada", 0, 0)]
    assert accounts_exist(["ada", "@revenue", "ada"], accounts) == []
    assert [found.subject for found in accounts_exist(["eve", "bob"], accounts)] == ["bob", "eve"]


@pytest.mark.parametrize(
    "entries",
    [
        charge()[:1],
        [*charge(), *charge()],
        [charge()[0], replace(charge()[1], amount=2)],
        [charge()[0], replace(charge()[1], kind="refund")],
        [charge()[0], replace(charge()[1], run_id="r2")],
        [charge()[0], replace(charge()[0], amount=1)],
    ],
)
def test_a_transfer_that_does_not_balance(entries: list[EntryRow]) -> None:
    [found] = transfers_balance(entries)
    assert (found.statement, found.subject) == (3, "r1:charge")


def test_transfers_that_balance() -> None:
    assert transfers_balance([*grant(), *charge(), *refund(), *charge("r2")]) == []
