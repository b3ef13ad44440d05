"""Who may start, how runs settle, what reports say changed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from libs.contracts.gateway import Outcome
from libs.contracts.research import Claim
from libs.work.run import RunState
from services.research.domain import (
    Person,
    PersonStatus,
    ResearchRun,
    Settlement,
    linkedin_slug,
    refusal,
)
from services.research.reports import change_summary

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PERSON = Person(
    id="p1",
    user_id="ada",
    status=PersonStatus.IDLE,
    active_run_id=None,
    created_at=NOW,
    updated_at=NOW,
)
RUN = ResearchRun(
    id="run_1",
    user_id="ada",
    person_id="p1",
    state=RunState.HOLDING,
    created_at=NOW,
    traceparent="",
    due_at=NOW,
)


@pytest.mark.parametrize(
    ("status", "refresh", "expected"),
    [
        (PersonStatus.IDLE, False, None),
        (PersonStatus.FAILED, False, None),
        (PersonStatus.RUNNING, False, Outcome.ALREADY_RUNNING),
        (PersonStatus.RUNNING, True, Outcome.ALREADY_RUNNING),
        (PersonStatus.COMPLETE, False, Outcome.ALREADY_COMPLETE),
        (PersonStatus.COMPLETE, True, None),
    ],
)
def test_only_idle_and_failed_run_and_complete_with_refresh(
    status: PersonStatus, refresh: bool, expected: Outcome | None
) -> None:
    assert refusal(replace(PERSON, status=status), "ada", refresh=refresh) is expected


def test_somebody_elses_person_does_not_exist() -> None:
    foreign = replace(PERSON, user_id="eve", status=PersonStatus.RUNNING)
    assert refusal(foreign, "ada", refresh=False) is Outcome.NOT_FOUND
    assert refusal(None, "ada", refresh=False) is Outcome.NOT_FOUND


@pytest.mark.parametrize(
    ("state", "settlement", "charge_failed", "settled"),
    [
        (RunState.COMPLETE, Settlement.CHARGED, False, True),
        (RunState.COMPLETE, Settlement.HELD, False, False),
        (RunState.FAILED, Settlement.CHARGED, False, False),
        (RunState.FAILED, Settlement.CHARGED, True, True),
        (RunState.FAILED, Settlement.REFUNDED, False, True),
        (RunState.CANCELLED, Settlement.VOIDED, False, True),
        (RunState.ROLLED_BACK, Settlement.NONE, False, False),
        (RunState.ROLLED_BACK, Settlement.VOIDED, False, True),
    ],
)
def test_a_run_is_settled_when_credits_stand_where_its_end_wants_them(
    state: RunState, settlement: Settlement, charge_failed: bool, settled: bool
) -> None:
    run = replace(RUN, state=state, settlement=settlement)
    assert run.is_settled(charge_failed=charge_failed) is settled


def test_a_run_that_was_rejected_before_a_hold_is_settled() -> None:
    run = replace(RUN, state=RunState.REJECTED, rejected_as=Outcome.ALREADY_RUNNING)
    assert run.is_settled(charge_failed=False)


def test_what_was_returned_stays_returned() -> None:
    run = replace(RUN, state=RunState.CANCELLED, settlement=Settlement.REFUNDED)
    for late in (Settlement.HELD, Settlement.CHARGED):
        assert run.settled_as(late, charge_failed=False) == run


def test_settling_an_ended_run_takes_it_from_the_reaper() -> None:
    run = replace(RUN, state=RunState.COMPLETE, settlement=Settlement.HELD)
    assert run.settled_as(Settlement.CHARGED, charge_failed=False).due_at is None


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://www.linkedin.com/in/Jane-Doe/", "jane-doe"),
        ("http://uk.linkedin.com/in/jane-doe?trk=x", "jane-doe"),
        ("https://linkedin.com/in/jane%20doe#about", "jane%20doe"),
        ("https://www.linkedin.com/company/example", None),
        (None, None),
    ],
)
def test_a_profile_is_known_by_its_slug(url: str | None, slug: str | None) -> None:
    assert linkedin_slug(url) == slug


def _claims(*texts: str) -> tuple[Claim, ...]:
    return tuple(Claim(text=t, source_id="s", quote=t, field="background") for t in texts)


def test_a_change_summary_tells_what_is_new_and_what_is_gone() -> None:
    assert change_summary(_claims("A.", "B."), _claims("A.", "B.")).startswith("No change")
    summary = change_summary(_claims("A.", "B."), _claims("B.", "C."))
    assert "1 new: C." in summary and "1 no longer found: A." in summary
