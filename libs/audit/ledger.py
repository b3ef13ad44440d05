"""Accounts, holds and entries: statements 2 and 3."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from libs.audit.rows import AccountRow, EntryRow, HoldRow
from libs.audit.violation import Violation

ENTRIES_OF = {
    "held": [],
    "voided": [],
    "declined": [],
    "charged": [("charge", -1)],
    "refunded": [("charge", -1), ("refund", 1)],
}
"""Which entries the tenant has by the state of a hold: their kinds, and signs of their amounts."""


def holds_resolve_once(holds: Iterable[HoldRow], entries: Iterable[EntryRow]) -> list[Violation]:
    """A run has one hold, at most one charge and one refund, as the state of the hold says.

    Needs all entries of the holds' runs.
    """
    posted: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for entry in entries:
        if entry.of_tenant and entry.run_id is not None:
            posted[entry.run_id].append((entry.kind, entry.account_id, entry.amount))
    found: list[Violation] = []
    seen: set[str] = set()
    for hold in holds:
        if hold.run_id in seen:
            found.append(Violation(2, "holds resolve once", hold.run_id, "it has two holds"))
        seen.add(hold.run_id)
        wanted = [
            (kind, hold.account_id, sign * hold.amount)
            for kind, sign in ENTRIES_OF.get(hold.state, [])
        ]
        there = sorted(posted.get(hold.run_id, []))
        if hold.state not in ENTRIES_OF or hold.amount < 0 or there != wanted:
            detail = f"{hold.amount} of {hold.account_id} are {hold.state}; entries: {there}"
            found.append(Violation(2, "holds resolve once", hold.run_id, detail))
    return found


def entries_have_their_hold(
    entries: Iterable[EntryRow], holds: Iterable[HoldRow]
) -> list[Violation]:
    """A charge or refund belongs to a hold, and its transfer has the one id that it can have.

    So a second charge of a run would need the same id, which is unique. Needs the holds of
    all the entries' runs.
    """
    held = {hold.run_id for hold in holds}
    found: list[Violation] = []
    for entry in entries:
        if entry.kind == "grant" and entry.run_id is None:
            continue
        if entry.kind not in ("charge", "refund") or entry.run_id is None:
            detail = f"a {entry.kind} of the run {entry.run_id}"
        elif entry.transfer_id != f"{entry.run_id}:{entry.kind}":
            detail = f"the id of a {entry.kind} of {entry.run_id} is another"
        elif entry.run_id not in held:
            detail = f"a {entry.kind} of {entry.run_id}, which has no hold"
        else:
            continue
        found.append(Violation(2, "entries have their hold", entry.transfer_id, detail))
    return found


def accounts_add_up(
    accounts: Iterable[AccountRow], posted: Mapping[str, int], held: Mapping[str, int]
) -> list[Violation]:
    """An account has what its entries and its open holds add up to, and is never overdrawn.

    `posted` and `held` are the sums of an account's entries and open holds: see `posted_sums`
    and `held_sums`.
    """
    found: list[Violation] = []
    for account in accounts:
        entries, holds = posted.get(account.id, 0), held.get(account.id, 0)
        if account.posted != entries:
            wrong = f"posted is {account.posted}, its entries add up to {entries}"
        elif account.held != holds:
            wrong = f"held is {account.held}, its open holds add up to {holds}"
        elif account.held < 0:
            wrong = f"held is {account.held}"
        elif account.posted < account.held:
            wrong = f"posted is {account.posted}, less than held, {account.held}"
        else:
            continue
        found.append(Violation(3, "accounts add up", account.id, wrong))
    return found


def posted_sums(entries: Iterable[EntryRow]) -> dict[str, int]:
    """The sum of each account's entries."""
    sums: dict[str, int] = defaultdict(int)
    for entry in entries:
        sums[entry.account_id] += entry.amount
    return sums


def held_sums(holds: Iterable[HoldRow]) -> dict[str, int]:
    """The sum of each account's open holds."""
    sums: dict[str, int] = defaultdict(int)
    for hold in holds:
        if hold.state == "held":
            sums[hold.account_id] += hold.amount
    return sums


def accounts_exist(used: Iterable[str], accounts: Iterable[AccountRow]) -> list[Violation]:
    """Each account that entries or holds name is there, besides those of the system."""
    known = {account.id for account in accounts}
    return [
        Violation(3, "accounts exist", id_, "entries or holds name it, and it is not there")
        for id_ in sorted(set(used) - known)
        if not id_.startswith("@")
    ]


def transfers_balance(entries: Iterable[EntryRow]) -> list[Violation]:
    """A transfer is two entries on two accounts that sum to zero; hence all entries do.

    Needs both entries of each transfer.
    """
    transfers: dict[str, list[EntryRow]] = defaultdict(list)
    for entry in entries:
        transfers[entry.transfer_id].append(entry)
    found: list[Violation] = []
    for id_, halves in transfers.items():
        accounts = {half.account_id for half in halves}
        purposes = {(half.kind, half.run_id) for half in halves}
        total = sum(half.amount for half in halves)
        if (len(halves), len(accounts), len(purposes), total) != (2, 2, 1, 0):
            amounts = ", ".join(f"{half.amount} on {half.account_id}" for half in halves[:10])
            found.append(Violation(3, "transfers balance", id_, f"it sums to {total}: {amounts}"))
    return found
