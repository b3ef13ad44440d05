"""What research says of a run against what credits says of it: statement 4, and holds in 5.

Research learns of credits by messages, so its `settlement` may lag behind the hold, and the
hold behind the run. The checks allow for that, and for nothing else: they hold of rows of any
one instant. Rows that were read one database after the other are of no one instant; what is
wrong with them counts only if it stays.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from libs.audit.rows import EntryRow, HoldRow, ResearchRunRow
from libs.audit.violation import Violation

NO_HOLD = "none"
RETURNED = frozenset({"voided", "refunded", "declined"})
"""Settlements by which a run costs nothing, for ever."""

BY_STATE = {
    "holding": {NO_HOLD, "held", "declined"},
    "dispatching": {"held"},
    "queued": {"held", "charged"},
    "working": {"held", "charged"},
    "complete": {"held", "charged"},
    "failed": {"held", "charged", "voided", "refunded"},
    "cancelled": {NO_HOLD, "held", "charged", "voided", "refunded", "declined"},
    "rolled_back": {NO_HOLD, "held", "voided", "declined"},
}
"""The states that the hold of a run may have. A charge comes only after the dispatch."""

SINCE = {
    "none": {NO_HOLD, "held", "charged", "voided", "refunded", "declined"},
    "held": {"held", "charged", "voided", "refunded"},
    "charged": {"charged", "refunded"},
    "voided": {"voided"},
    "refunded": {"refunded"},
    "declined": {"declined"},
}
"""The states that a hold may have come to since it was what a settlement says."""


def wants_charge(run: ResearchRunRow, *, charge_failed: bool) -> bool:
    """Whether an ended run is to be paid for."""
    return run.state == "complete" or (charge_failed and run.state == "failed")


def is_settled(run: ResearchRunRow, *, charge_failed: bool) -> bool:
    """Whether an ended run's credits are confirmed to stand where its end wants them."""
    if run.open:
        return False
    if not run.had_person:
        return True  # No hold was ever asked for.
    if wants_charge(run, charge_failed=charge_failed):
        return run.settlement == "charged"
    return run.settlement in RETURNED


def holds_agree_with_their_run(
    runs: Iterable[ResearchRunRow], holds: Iterable[HoldRow], *, charge_failed: bool
) -> list[Violation]:
    """The hold of a run is as the run's state and settlement let it be, and of its price.

    Needs the holds of all the runs.
    """
    by_run = {hold.run_id: hold for hold in holds}
    found: list[Violation] = []
    for run in runs:
        hold = by_run.get(run.id)
        state = hold.state if hold else NO_HOLD
        allowed = _hold_states(run, charge_failed=charge_failed)
        said = f"the run is {run.state}, settlement {run.settlement}"
        if state not in allowed:
            wanted = " or ".join(sorted(allowed)) or "nothing that credits can say"
            detail = f"{said}; the hold is {state}, and should be {wanted}"
        elif hold and hold.account_id != run.user_id:
            detail = f"{said}; the hold is on {hold.account_id}, the run is of {run.user_id}"
        elif hold and run.price is not None and hold.amount != run.price:
            detail = f"{said}; the price is {run.price}, the hold of {hold.amount}"
        else:
            continue
        found.append(Violation(4, "holds agree with their run", run.id, detail))
    return found


def _hold_states(run: ResearchRunRow, *, charge_failed: bool) -> set[str]:
    if run.state == "rejected":
        by_state = {"declined"} if run.had_person else {NO_HOLD}
    elif wants_charge(run, charge_failed=charge_failed):
        by_state = BY_STATE["complete"]
    else:
        by_state = BY_STATE.get(run.state, set())
    return by_state & SINCE.get(run.settlement, set())


def settled_runs_cost_what_they_should(
    runs: Iterable[ResearchRunRow], entries: Iterable[EntryRow], *, charge_failed: bool
) -> list[Violation]:
    """By the ledger a settled run cost its price if it is to be paid for, and nothing otherwise.

    Needs all entries of the runs.
    """
    cost: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.of_tenant and entry.run_id is not None:
            cost[entry.run_id] -= entry.amount
    found: list[Violation] = []
    for run in runs:
        if not is_settled(run, charge_failed=charge_failed):
            continue
        wanted = run.price if wants_charge(run, charge_failed=charge_failed) else 0
        if cost.get(run.id, 0) != wanted:
            detail = f"the run is {run.state}; it cost {cost.get(run.id, 0)}, not {wanted}"
            found.append(Violation(4, "settled runs cost what they should", run.id, detail))
    return found


def holds_have_their_run(
    holds: Iterable[HoldRow], runs: Iterable[ResearchRunRow]
) -> list[Violation]:
    """A hold is that of a run that research knows. Needs the runs of all the holds."""
    known = {run.id for run in runs}
    return [
        Violation(4, "holds have their run", hold.run_id, f"research has no such run: {hold.state}")
        for hold in holds
        if hold.run_id not in known
    ]


def nothing_is_held_for_long_after_the_end(
    runs: Iterable[ResearchRunRow], holds: Iterable[HoldRow], *, now: datetime, grace: timedelta
) -> list[Violation]:
    """An ended run holds nothing, a grace time after its end. Needs the holds of all the runs."""
    ended = {run.id: run.ended_at for run in runs if run.ended_at is not None}
    found: list[Violation] = []
    for hold in holds:
        if hold.state != "held" or hold.run_id not in ended:
            continue
        since = max(ended[hold.run_id], hold.created_at)
        if now - since >= grace:
            detail = f"{hold.amount} of {hold.account_id} are still held, {now - since} on"
            found.append(
                Violation(5, "nothing is held for long after the end", hold.run_id, detail)
            )
    return found
