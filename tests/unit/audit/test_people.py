"""Statement 1, and the statuses that ended runs leave behind."""

from datetime import timedelta

import pytest

from libs.audit.people import (
    CLOCKS_DIFFER,
    open_runs_have_their_person,
    people_name_their_run,
    people_stand_as_their_last_run_left_them,
)
from libs.audit.rows import PersonRow, ResearchRunRow
from tests.unit.audit.sound import NOW, complete, declined, ended, person, run

RUNNING = person(status="running", active_run_id="r1")


@pytest.mark.parametrize("state", ["holding", "dispatching", "queued", "working"])
def test_a_person_who_names_their_open_run(state: str) -> None:
    assert people_name_their_run([RUNNING], [run(state=state)]) == []
    assert open_runs_have_their_person([run(state=state)], [RUNNING]) == []


@pytest.mark.parametrize(
    ("somebody", "theirs", "detail"),
    [
        (person(status="running"), run(), "the status is running, and the active run None"),
        (person(active_run_id="r1"), run(), "the status is idle, and the active run r1"),
        (RUNNING, run(id="r2"), "there is no run r1, which they name"),
        (RUNNING, complete(), "the run r1, which they name, is complete"),
        (RUNNING, run(person_id="p2"), "the run r1, which they name, is that of somebody else"),
        (RUNNING, run(user_id="eve"), "the run r1, which they name, is that of somebody else"),
    ],
)
def test_a_person_who_names_the_wrong_run(
    somebody: PersonRow, theirs: ResearchRunRow, detail: str
) -> None:
    [found] = people_name_their_run([somebody], [theirs])
    assert (found.statement, found.subject, found.detail) == (1, "p1", detail)


@pytest.mark.parametrize(
    ("people", "detail"),
    [
        ([], "it is queued, and its user has no person p1"),
        ([person(user_id="eve")], "it is queued, and its user has no person p1"),
        ([person(status="idle")], "it is queued, and its person names None"),
        ([person(active_run_id="r2")], "it is queued, and its person names r2"),
    ],
)
def test_an_open_run_whose_person_does_not_name_it(people: list[PersonRow], detail: str) -> None:
    [found] = open_runs_have_their_person([run()], people)
    assert (found.statement, found.subject, found.detail) == (1, "r1", detail)


def test_of_two_open_runs_on_a_person_one_is_wrong() -> None:
    [found] = open_runs_have_their_person([run(), run(id="r2")], [RUNNING])
    assert found.subject == "r2"


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (complete(), "complete"),
        (ended("failed", prior_status="complete"), "failed"),
        (ended("cancelled", prior_status="failed"), "failed"),
        (ended("cancelled", prior_status="complete"), "complete"),
        (declined(prior_status="failed"), "failed"),
        (ended("rolled_back", price=None, prior_status="failed"), "failed"),
        (ended("rolled_back", price=1, prior_status="failed"), "idle"),
        (ended("rolled_back", price=1, prior_status="complete"), "complete"),
        (ended("cancelled", creates_person=True), "idle"),
    ],
)
def test_each_ending_leaves_one_status(last: ResearchRunRow, status: str) -> None:
    for other in ("idle", "complete", "failed"):
        found = people_stand_as_their_last_run_left_them([person(status=other)], [last])
        assert [one.statement for one in found] == ([] if other == status else [4])


@pytest.mark.parametrize(
    "last", [declined(creates_person=True), ended("rolled_back", creates_person=True)]
)
def test_a_newcomer_goes_with_the_run_that_was_undone(last: ResearchRunRow) -> None:
    [found] = people_stand_as_their_last_run_left_them([person()], [last])
    assert found.detail == "the status is idle, and after r1 should be gone"


def test_the_last_of_several_runs_counts_whatever_their_order() -> None:
    later = ended("failed", id="r2", ended_at=NOW - timedelta(minutes=1))
    for runs in ([complete(), later], [later, complete()]):
        assert people_stand_as_their_last_run_left_them([person(status="failed")], runs) == []
        [found] = people_stand_as_their_last_run_left_them([person(status="complete")], runs)
        assert found.detail == "the status is complete, and after r2 should be failed"


@pytest.mark.parametrize("apart", [timedelta(0), CLOCKS_DIFFER])
def test_runs_that_ended_at_the_same_instant_by_their_clocks_may_have_come_in_any_order(
    apart: timedelta,
) -> None:
    first = complete()
    assert first.ended_at is not None
    runs = [first, ended("failed", id="r2", ended_at=first.ended_at + apart)]
    for status in ("complete", "failed"):
        assert people_stand_as_their_last_run_left_them([person(status=status)], runs) == []
    [found] = people_stand_as_their_last_run_left_them([person(status="idle")], runs)
    assert found.detail == "the status is idle, and after r1 or r2 should be complete or failed"


def test_a_run_that_clearly_ended_before_another_does_not_count() -> None:
    first = complete()
    assert first.ended_at is not None
    beyond = first.ended_at + CLOCKS_DIFFER + timedelta(milliseconds=1)
    last = ended("failed", id="r2", ended_at=beyond)
    [found] = people_stand_as_their_last_run_left_them([person(status="complete")], [first, last])
    assert found.detail == "the status is complete, and after r2 should be failed"


def test_a_run_that_was_refused_never_had_the_person() -> None:
    refused = ended("rejected", "none", rejected_as="already_running", prior_status="failed")
    assert people_stand_as_their_last_run_left_them([person()], [refused]) == []


def test_somebody_who_was_never_researched_is_idle() -> None:
    assert people_stand_as_their_last_run_left_them([person()], []) == []
    [found] = people_stand_as_their_last_run_left_them([person(status="complete")], [])
    assert found.detail == "the status is complete, and without a run should be idle"


def test_a_running_person_is_left_to_the_other_checks() -> None:
    assert people_stand_as_their_last_run_left_them([RUNNING], [complete()]) == []
