"""Every transition in every state of a run."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from libs.contracts.envelope import ReplyAddress
from libs.work.run import OPEN, Run, RunError, RunState
from tests.support.memory import START, TRACE

LATER = START + timedelta(minutes=1)
S = RunState


def a_run(state: RunState, **changes: object) -> Run:
    leased = {"token": "t", "worker": "w", "attempt": 1} if state is S.WORKING else {}
    values: dict[str, object] = {
        "id": "run_1",
        "user_id": "u",
        "created_at": START,
        "traceparent": TRACE,
        "due_at": START,
        **leased,
        **changes,
    }
    return Run(state=state, **values)  # type: ignore[arg-type]


TRANSITIONS: dict[str, tuple[Callable[[Run], Run | None], dict[RunState, RunState]]] = {
    "dispatched": (lambda run: run.dispatched(LATER), {S.DISPATCHING: S.QUEUED}),
    "claimed": (
        lambda run: run.claimed(token="new", worker="me", lease_until=LATER),
        {S.QUEUED: S.WORKING},
    ),
    "requeued": (lambda run: run.requeued(LATER), {S.WORKING: S.QUEUED}),
    "completed": (lambda run: run.ended(S.COMPLETE, LATER), dict.fromkeys(OPEN, S.COMPLETE)),
    "failed": (lambda run: run.ended(S.FAILED, LATER), dict.fromkeys(OPEN, S.FAILED)),
    "cancelled": (lambda run: run.ended(S.CANCELLED, LATER), dict.fromkeys(OPEN, S.CANCELLED)),
    "rejected": (lambda run: run.ended(S.REJECTED, LATER), dict.fromkeys(OPEN, S.REJECTED)),
    "rolled back": (
        lambda run: run.ended(S.ROLLED_BACK, LATER),
        dict.fromkeys(OPEN, S.ROLLED_BACK),
    ),
}


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_applies_where_the_table_says(name: str, state: RunState) -> None:
    transition, table = TRANSITIONS[name]
    before = a_run(state)
    after = transition(before)
    assert (after.state if after else None) == table.get(state)
    assert before == a_run(state)


@pytest.mark.parametrize("state", RunState)
def test_a_run_is_open_until_it_ended(state: RunState) -> None:
    assert a_run(state).open == (state in {S.HOLDING, S.DISPATCHING, S.QUEUED, S.WORKING})


def test_a_claim_starts_an_attempt_under_a_new_token() -> None:
    before = a_run(S.QUEUED, attempt=1, step="generate", token=None)
    after = before.claimed(token="new", worker="me", lease_until=LATER)
    assert after is not None
    assert (after.token, after.worker, after.attempt) == ("new", "me", 2)
    assert (after.due_at, after.step) == (LATER, None)


def test_a_requeued_run_keeps_its_attempts_and_loses_its_lease() -> None:
    after = a_run(S.WORKING, attempt=2).requeued(LATER)
    assert after is not None
    assert (after.token, after.worker, after.attempt, after.due_at) == (None, None, 2, LATER)


def test_waiting_in_the_queue_costs_no_attempt() -> None:
    after = a_run(S.DISPATCHING).dispatched(LATER)
    assert after is not None
    assert (after.attempt, after.due_at) == (0, LATER)


@pytest.mark.parametrize("state", RunState)
def test_only_the_token_of_a_working_run_counts(state: RunState) -> None:
    run = a_run(state, token="t")
    assert run.leased_by("t") == (state is S.WORKING)
    assert not run.leased_by("other")


def test_a_run_without_a_lease_is_leased_by_nobody() -> None:
    assert not a_run(S.QUEUED, token=None).leased_by("")


@pytest.mark.parametrize(
    ("due_at", "error"),
    [(None, None), (LATER, RunError("nothing_read", "No page could be read."))],
)
def test_an_ended_run_gives_up_its_lease(due_at: datetime | None, error: RunError | None) -> None:
    after = a_run(S.WORKING).ended(S.FAILED, LATER, due_at=due_at, error=error)
    assert after is not None
    assert (after.token, after.ended_at, after.due_at) == (None, LATER, due_at)
    assert after.error_code == (error.code if error else None)
    assert after.error_message == (error.message if error else None)
    assert not after.leased_by("t")


def test_the_outcome_goes_to_whoever_asked_last() -> None:
    first = ReplyAddress(partition=0, correlation_id="a")
    second = ReplyAddress(partition=3, correlation_id="b")
    run = a_run(S.QUEUED).replying_to(first)
    assert run.reply_to == first
    assert run.replying_to(None).reply_to == first
    assert run.replying_to(second).reply_to == second
    assert a_run(S.QUEUED).reply_to is None
