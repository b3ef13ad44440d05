"""What users were told against what is stored. Pure, and for a time when nothing is under way.

The run of a call is found by the trace that its caller gave it: an error names no run.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.audit.rows import Answer
from tests.faults.memory import Fate, Json, Tenant, Wish

UNDONE = frozenset({"rejected", "rolled_back"})
"""Ends of a run that leave nothing behind."""
STARTING = (Wish.ADD, Wish.RUN, Wish.REGENERATE)
NOT_SENT = 503
"""What a call that reached nobody counts as: it left nothing behind."""
PRICE = 1

Found = Iterator[tuple[int, str]]
"""Numbers of statements, and what breaks them."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run of either kind. `about` is the person's id or, of a regeneration, the free text."""

    id: str
    user_id: str
    state: str
    traceparent: str
    about: str | None
    created_at: datetime


def answers(tenants: Sequence[Tenant], runs: Collection[StoredRun]) -> Found:
    """Each call made one run at most, which is the one that its answer names, and nobody else
    made any."""
    by_trace: dict[str, StoredRun] = {}
    for run in runs:
        other = by_trace.setdefault(run.traceparent, run)
        if other is not run:
            yield 7, f"one call made two runs: {run.id} and {other.id}"
    asked = {call.trace: call for tenant in tenants for call in tenant.of(*STARTING)}
    for run in runs:
        call = asked.get(run.traceparent)
        if call is None and run.state not in UNDONE:
            yield 7, f"nobody asked for run {run.id} of {run.user_id}"
        if call is not None and call.run_id not in (None, run.id):
            yield 7, f"{call}: it named run {call.run_id}, stored is {run.id}"


def told(tenants: Sequence[Tenant], runs: Collection[StoredRun]) -> list[Answer]:
    """What callers were told of the runs that their calls made, or named no run."""
    by_trace = {run.traceparent: run for run in runs}
    found = []
    for tenant in tenants:
        for call in tenant.of(*STARTING):
            run = by_trace.get(call.trace)
            answer = Answer(
                user_id=call.user_id,
                run_id=call.run_id or (run.id if run else ""),
                status=call.status if call.sent else NOT_SENT,
                person_id=call.person_id or (run.about if run and call.wish is Wish.ADD else None),
                creates_person=call.wish is Wish.ADD,
                kind="context" if call.wish is Wish.REGENERATE else "research",
            )
            found.append(answer)
    return found


def people(
    tenants: Sequence[Tenant], stored: Mapping[str, str], runs: Collection[StoredRun]
) -> Found:
    """Who was added and not deleted is there, who was deleted or refused is not.

    `stored` are the users of the people, by the people's ids.
    """
    by_trace = {run.traceparent: run for run in runs}
    expected: dict[str, str] = {}
    for tenant in tenants:
        for call in tenant.of(Wish.ADD):
            run = by_trace.get(call.trace)
            if call.fate is not Fate.REFUSED and run is not None and run.state not in UNDONE:
                expected[run.about or ""] = tenant.user_id
        for call in tenant.of(Wish.DELETE):
            person_id = call.person_id or ""
            if person_id not in tenant.people:
                continue  # Somebody else's: a spy's attempt.
            if call.fate is Fate.ACCEPTED and person_id in stored:
                yield 7, f"{call}: the person is still there"
            if call.fate is Fate.REFUSED and person_id not in stored:
                yield 7, f"{call}: the person is gone all the same"
            expected.pop(person_id, None)
        for person in tenant.people.values():
            if person.stays and person.id not in stored:
                yield 7, f"person {person.id} of {tenant.user_id} is gone"
    maybe_deleted = {call.person_id for t in tenants for call in t.of(Wish.DELETE)}
    for person_id, user_id in stored.items():
        if expected.get(person_id) != user_id and person_id not in maybe_deleted:
            yield 7, f"person {person_id} of {user_id} was left behind by a refused call"


def words(tenant: Tenant, runs: Collection[StoredRun], freeform: str | None) -> Found:
    """The user's own words are those of their newest regeneration that was not refused."""
    own = [run for run in runs if run.user_id == tenant.user_id and run.state not in UNDONE]
    newest = max(own, key=lambda run: run.created_at, default=None)
    expected = newest.about if newest else None
    if freeform != expected:
        refused = {call.text for call in tenant.of(Wish.REGENERATE, fate=Fate.REFUSED)}
        whose = "those of a refused call" if freeform in refused else "others"
        yield 6, f"the words of {tenant.user_id} are {freeform!r}, {whose}, not {expected!r}"


def accounts(
    tenant: Tenant, entries: Sequence[Json], balance: Json, states: Mapping[str, str]
) -> Found:
    """Granted less spent is the balance, by what the user knows.

    `states` are the ends of all runs that the user's accepted and unanswered calls came to.
    """
    by_reason = Counter(entry["reason"] for entry in entries if entry["kind"] == "grant")
    bounds = {Fate.ACCEPTED: (1, 1), Fate.REFUSED: (0, 0), Fate.UNKNOWN: (0, 1)}
    for call in tenant.of(Wish.GRANT):
        least, most = bounds[call.fate]
        if not least <= (times := by_reason.pop(call.text, 0)) <= most:
            yield 7, f"{call}: it was posted {times} times"
    if by_reason:
        yield 3, f"{tenant.user_id} got grants that nobody gave: {dict(by_reason)}"
    amounts = {call.text: call.amount for call in tenant.of(Wish.GRANT)}
    granted = sum(amounts.get(e["reason"], 0) for e in entries if e["kind"] == "grant")
    spent: Counter[str] = Counter()
    for entry in entries:
        if entry["kind"] != "grant":
            spent[entry["runId"]] -= entry["amount"]
    for run_id in spent.keys() | states.keys():
        state = states.get(run_id, "nobody's")
        if spent[run_id] != (PRICE if state == "complete" else 0):
            yield 4, f"run {run_id} of {tenant.user_id} is {state} and cost {spent[run_id]}"
    expected = granted - PRICE * sum(state == "complete" for state in states.values())
    if balance != {"balance": expected, "held": 0}:
        yield 3, f"{tenant.user_id} should have {expected} credits, and has {balance}"
