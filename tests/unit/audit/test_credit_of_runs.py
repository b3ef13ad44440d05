"""Statement 4 across the databases, and holds in statement 5."""

from datetime import timedelta

import pytest

from libs.audit.credit_of_runs import (
    holds_agree_with_their_run,
    holds_have_their_run,
    is_settled,
    nothing_is_held_for_long_after_the_end,
    settled_runs_cost_what_they_should,
)
from libs.audit.rows import EntryRow, ResearchRunRow
from tests.unit.audit.sound import (
    GRACE,
    MINUTE,
    NOW,
    charge,
    complete,
    declined,
    ended,
    hold,
    refund,
    run,
)

HOLD_STATES = {"none", "held", "charged", "voided", "refunded", "declined"}
REFUSED = ended("rejected", "none", rejected_as="not_found", price=None)
UNSETTLED = {"due_at": NOW + MINUTE}


@pytest.mark.parametrize(
    ("one", "allowed"),
    [
        (run(state="holding", settlement="none", price=None), {"none", "held", "declined"}),
        (run(state="dispatching", settlement="held"), {"held"}),
        (run(state="queued", settlement="held"), {"held", "charged"}),
        (run(state="working", settlement="held"), {"held", "charged"}),
        (run(state="working", settlement="charged"), {"charged"}),
        (complete(settlement="held", **UNSETTLED), {"held", "charged"}),
        (complete(), {"charged"}),
        (complete(settlement="voided"), set()),
        (ended("failed", "held", **UNSETTLED), {"held", "charged", "voided", "refunded"}),
        (ended("failed", "charged", **UNSETTLED), {"charged", "refunded"}),
        (ended("failed", "refunded"), {"refunded"}),
        (ended("failed", "voided"), {"voided"}),
        (ended("cancelled", "none", price=None, **UNSETTLED), HOLD_STATES),
        (ended("cancelled", "declined", price=None), {"declined"}),
        (
            ended("rolled_back", "none", price=None, **UNSETTLED),
            {"none", "held", "voided", "declined"},
        ),
        (ended("rolled_back", "held", **UNSETTLED), {"held", "voided"}),
        (ended("rolled_back", "voided"), {"voided"}),
        (ended("rolled_back", "refunded"), set()),
        (declined(), {"declined"}),
        (REFUSED, {"none"}),
        (run(state="lost"), set()),
        (run(settlement="lost"), set()),
    ],
)
def test_the_states_that_a_hold_may_have(one: ResearchRunRow, allowed: set[str]) -> None:
    for state in HOLD_STATES:
        holds = [] if state == "none" else [hold(state=state)]
        found = holds_agree_with_their_run([one], holds, charge_failed=False)
        assert bool(found) == (state not in allowed), state


def test_a_failed_run_may_be_paid_for_where_that_is_the_rule() -> None:
    failed = ended("failed", "charged")
    assert holds_agree_with_their_run([failed], [hold()], charge_failed=True) == []
    refunded = ended("failed", "refunded")
    assert holds_agree_with_their_run([refunded], [hold(state="refunded")], charge_failed=True)


def test_a_hold_is_its_users_and_of_the_price() -> None:
    [found] = holds_agree_with_their_run([run()], [hold(account_id="eve")], charge_failed=False)
    assert "the hold is on eve, the run is of ada" in found.detail
    [found] = holds_agree_with_their_run([run()], [hold(amount=2)], charge_failed=False)
    assert "the price is 1, the hold of 2" in found.detail


@pytest.mark.parametrize(
    ("one", "charge_failed", "expected"),
    [
        (run(), False, False),
        (complete(), False, True),
        (complete(settlement="held"), False, False),
        (ended("failed", "refunded"), False, True),
        (ended("failed", "charged"), False, False),
        (ended("failed", "charged"), True, True),
        (ended("failed", "refunded"), True, False),
        (ended("cancelled", "voided"), False, True),
        (ended("cancelled", "none"), False, False),
        (ended("rolled_back", "voided"), True, True),
        (declined(), False, True),
        (REFUSED, False, True),
    ],
)
def test_what_is_settled(one: ResearchRunRow, charge_failed: bool, expected: bool) -> None:
    assert is_settled(one, charge_failed=charge_failed) is expected


@pytest.mark.parametrize(
    ("one", "entries", "detail"),
    [
        (complete(), [], "the run is complete; it cost 0, not 1"),
        (complete(), [*charge(), *refund()], "the run is complete; it cost 0, not 1"),
        (complete(price=2), charge(), "the run is complete; it cost 1, not 2"),
        (ended("failed"), charge(), "the run is failed; it cost 1, not 0"),
        (ended("cancelled"), charge(), "the run is cancelled; it cost 1, not 0"),
        (ended("rolled_back", "voided"), charge(), "the run is rolled_back; it cost 1, not 0"),
        (declined(), charge(), "the run is rejected; it cost 1, not 0"),
        (REFUSED, charge(), "the run is rejected; it cost 1, not 0"),
        (ended("failed"), refund(), "the run is failed; it cost -1, not 0"),
    ],
)
def test_a_settled_run_that_cost_something_else(
    one: ResearchRunRow, entries: list[EntryRow], detail: str
) -> None:
    [found] = settled_runs_cost_what_they_should([one], entries, charge_failed=False)
    assert (found.statement, found.subject, found.detail) == (4, "r1", detail)


def test_settled_runs_that_cost_what_they_should() -> None:
    runs = [complete(), ended("failed", id="r2"), declined(id="r3")]
    entries = [*charge(), *charge("r2"), *refund("r2")]
    assert settled_runs_cost_what_they_should(runs, entries, charge_failed=False) == []
    paid_for = [ended("failed", "charged")]
    assert settled_runs_cost_what_they_should(paid_for, charge(), charge_failed=True) == []


def test_what_is_not_settled_yet_may_have_cost_anything() -> None:
    waiting = [ended("failed", "charged", **UNSETTLED)]
    for entries in ([], charge(), [*charge(), *refund()]):
        assert settled_runs_cost_what_they_should(waiting, entries, charge_failed=False) == []


def test_a_hold_has_its_run() -> None:
    assert holds_have_their_run([hold()], [run()]) == []
    [found] = holds_have_their_run([hold(run_id="r2")], [run()])
    assert (found.statement, found.subject) == (4, "r2")


def test_an_ended_run_holds_nothing_for_long() -> None:
    late = ended("failed", "held", ended_at=NOW - GRACE, **UNSETTLED)
    old = hold(state="held", created_at=NOW - 2 * GRACE)
    [found] = nothing_is_held_for_long_after_the_end([late], [old], now=NOW, grace=GRACE)
    assert (found.statement, found.subject) == (5, "r1")


@pytest.mark.parametrize(
    ("ended_before", "held_before", "state"),
    [
        (GRACE - timedelta(seconds=1), 2 * GRACE, "held"),
        (2 * GRACE, GRACE - timedelta(seconds=1), "held"),
        (2 * GRACE, 2 * GRACE, "charged"),
        (None, 2 * GRACE, "held"),
    ],
)
def test_what_may_be_held(
    ended_before: timedelta | None, held_before: timedelta, state: str
) -> None:
    one = ended("failed", "held", ended_at=NOW - ended_before) if ended_before else run()
    holds = [hold(state=state, created_at=NOW - held_before)]
    assert nothing_is_held_for_long_after_the_end([one], holds, now=NOW, grace=GRACE) == []
