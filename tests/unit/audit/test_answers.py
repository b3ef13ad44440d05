"""Statement 7."""

import pytest

from libs.audit.answers import answers_were_true
from libs.audit.rows import Answer, ContextRunRow, HoldRow, PersonRow, ResearchRunRow
from tests.unit.audit.sound import (
    answer,
    complete,
    declined,
    ended,
    hold,
    person,
    regeneration,
    run,
)

ROLLED_BACK = ended("rolled_back", "voided", creates_person=True)
CAME = {"creates_person": True}


def wrong_with(
    one: Answer,
    runs: list[ResearchRunRow],
    regenerations: list[ContextRunRow] | None = None,
    people: list[PersonRow] | None = None,
    holds: list[HoldRow] | None = None,
) -> list[str]:
    found = answers_were_true([one], runs, regenerations or [], people or [], holds or [])
    assert all((each.statement, each.subject) == (7, one.run_id) for each in found)
    return [each.detail for each in found]


@pytest.mark.parametrize("one", [run(), complete(), ended("failed"), ended("cancelled")])
def test_a_2xx_whose_run_is_there(one: ResearchRunRow) -> None:
    assert wrong_with(answer(), [one]) == []
    assert wrong_with(answer(person_id=None), [one]) == []


@pytest.mark.parametrize(
    ("runs", "detail"),
    [
        ([], "there is no such run"),
        ([run(user_id="eve")], "the run is of eve"),
        ([ended("rolled_back")], "the run is rolled_back"),
        ([declined()], "the run is rejected"),
        ([run(person_id="p2")], "the run is on p2, not on p1"),
    ],
)
def test_a_2xx_that_was_not_true(runs: list[ResearchRunRow], detail: str) -> None:
    assert wrong_with(answer(), runs) == [f"ada was answered 200, and {detail}"]


@pytest.mark.parametrize("status", [402, 404, 409, 429, 500, 503])
def test_an_error_that_left_nothing_behind(status: int) -> None:
    one = answer(status=status, **CAME)
    assert wrong_with(one, []) == []
    assert wrong_with(one, [ROLLED_BACK], holds=[hold(state="voided")]) == []
    assert wrong_with(one, [declined()], holds=[hold(state="declined")]) == []


@pytest.mark.parametrize("status", [402, 404, 409, 429, 500, 503])
def test_an_error_that_left_something_behind(status: int) -> None:
    one = answer(status=status, **CAME)
    said = f"ada was answered {status}, and"
    assert wrong_with(one, [run()]) == [f"{said} the run is queued"]
    assert wrong_with(one, [complete()]) == [f"{said} the run is complete"]
    assert wrong_with(one, [ROLLED_BACK], people=[person()]) == [
        f"{said} the person p1 came all the same"
    ]
    assert wrong_with(one, [], people=[person()]) == [f"{said} the person p1 came all the same"]
    assert wrong_with(one, [ROLLED_BACK], holds=[hold(state="held")]) == [f"{said} 1 are held"]
    assert wrong_with(one, [ROLLED_BACK], holds=[hold()]) == [f"{said} 1 are charged"]
    assert wrong_with(one, [], holds=[hold(state="held")]) == [f"{said} 1 are held"]


def test_a_hold_may_be_on_its_way_back_until_the_run_is_settled() -> None:
    one = ended("rolled_back", "held")
    assert wrong_with(answer(status=503), [one], holds=[hold(state="held")]) == []


def test_a_person_whom_another_run_brought_may_stay() -> None:
    other = run(id="r2", creates_person=True)
    assert wrong_with(answer(status=409, **CAME), [other], people=[person()]) == []
    assert wrong_with(answer(status=409), [], people=[person()]) == []


@pytest.mark.parametrize("status", [504, None])
def test_who_was_told_nothing_may_find_anything(status: int | None) -> None:
    one = answer(status=status, **CAME)
    for runs in ([], [run()], [ROLLED_BACK], [run(user_id="eve")]):
        assert wrong_with(one, runs, people=[person()], holds=[hold()]) == []


def test_answers_about_regenerations() -> None:
    told = answer(run_id="c1", person_id=None, kind="context")
    assert wrong_with(told, [], [regeneration()]) == []
    assert wrong_with(told, [run(id="c1")]) != []
    assert wrong_with(told, [], [regeneration(user_id="eve")]) != []
    assert wrong_with(told, [], [regeneration(state="rolled_back")]) != []
    refused = answer(run_id="c1", person_id=None, kind="context", status=429)
    assert wrong_with(refused, [], []) == []
    assert wrong_with(refused, [], [regeneration(state="rejected")]) == []
    assert wrong_with(refused, [], [regeneration(state="queued")]) != []
