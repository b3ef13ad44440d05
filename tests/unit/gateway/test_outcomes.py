"""What each outcome of a command is over HTTP."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.contracts.gateway import Outcome, Reply
from libs.contracts.times import milliseconds
from services.gateway.outcomes import accepted
from services.gateway.problems import Problem
from tests.support.memory import START


def answer(outcome: Outcome, now: datetime = START, **members: Any) -> tuple[int, Any, Any]:
    """Status, headers and body of the answer that an outcome other than acceptance gets."""
    reply = Reply(run_id="run_1", outcome=outcome, **members)
    with pytest.raises(Problem) as caught:
        accepted(reply, "person", now)
    response = caught.value.response()
    assert response.media_type == "application/problem+json"
    return response.status_code, response.headers, json.loads(bytes(response.body))


def test_an_accepted_command_passes() -> None:
    reply = Reply(run_id="run_1", outcome=Outcome.ACCEPTED)
    assert accepted(reply, "person", START) is reply


EXPECTED = {
    Outcome.NOT_FOUND: (404, "not-found"),
    Outcome.ALREADY_RUNNING: (409, "already-running"),
    Outcome.ALREADY_COMPLETE: (409, "already-complete"),
    Outcome.PERSON_EXISTS: (409, "person-exists"),
    Outcome.CONFLICT: (409, "conflict"),
    Outcome.PAYMENT_REQUIRED: (402, "payment-required"),
    Outcome.WINDOW_CLOSED: (429, "rate-limited"),
    Outcome.UNAVAILABLE: (503, "unavailable"),
}


@pytest.mark.parametrize("outcome", set(Outcome) - {Outcome.ACCEPTED})
def test_every_other_outcome_is_a_problem(outcome: Outcome) -> None:
    members: dict[str, Any] = {"next_available_at": START, "balance": 0, "required": 1}
    status, _, body = answer(outcome, **members)
    assert (status, body["type"]) == (EXPECTED[outcome][0], f"/problems/{EXPECTED[outcome][1]}")
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]


def test_the_object_that_is_missing_is_named() -> None:
    _, _, body = answer(Outcome.NOT_FOUND)
    assert "person" in body["detail"]


@pytest.mark.parametrize("outcome", [Outcome.ALREADY_RUNNING, Outcome.ALREADY_COMPLETE])
def test_a_conflict_tells_the_current_run_if_there_is_one(outcome: Outcome) -> None:
    _, _, body = answer(outcome, current_run_id="run_2")
    assert body["currentRunId"] == "run_2"
    _, _, body = answer(outcome)
    assert "currentRunId" not in body


def test_a_payment_problem_carries_balance_and_price() -> None:
    _, _, body = answer(Outcome.PAYMENT_REQUIRED, balance=0, required=1)
    assert (body["balance"], body["required"]) == (0, 1)


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        (timedelta(hours=3), "10800"),
        (timedelta(seconds=1.2), "2"),
        (timedelta(milliseconds=1), "1"),
        (timedelta(0), "1"),
        (timedelta(seconds=-5), "1"),
    ],
)
def test_a_closed_window_tells_when_it_opens(wait: timedelta, seconds: str) -> None:
    _, headers, body = answer(Outcome.WINDOW_CLOSED, next_available_at=START + wait)
    assert headers["retry-after"] == seconds
    assert body["nextAvailableAt"] == milliseconds(START + wait)
    assert body["nextAvailableAt"].endswith("Z")


def test_times_have_milliseconds_and_z() -> None:
    assert milliseconds(datetime.fromisoformat("2026-04-22T12:15:00+02:00")) == (
        "2026-04-22T10:15:00.000Z"
    )
    assert milliseconds(datetime.fromisoformat("2026-04-22T10:15:00.123999+00:00")) == (
        "2026-04-22T10:15:00.123Z"
    )


def test_undone_requests_may_be_tried_again() -> None:
    _, headers, _ = answer(Outcome.UNAVAILABLE)
    assert int(headers["retry-after"]) > 0
