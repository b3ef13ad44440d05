"""Statement 5."""

from datetime import timedelta
from typing import Any

import pytest

from libs.audit.endings import regenerations_end, runs_end_and_settle
from libs.audit.rows import ResearchRunRow
from tests.unit.audit.sound import (
    GRACE,
    MINUTE,
    NOW,
    complete,
    declined,
    ended,
    regeneration,
    run,
)

SECOND = timedelta(seconds=1)


def wrong_with(one: ResearchRunRow, grace: timedelta = GRACE) -> list[str]:
    found = runs_end_and_settle([one], now=NOW, grace=grace, charge_failed=False)
    assert all((each.statement, each.subject) == (5, "r1") for each in found)
    return [each.detail for each in found]


@pytest.mark.parametrize(
    "one",
    [
        run(created_at=NOW - GRACE + SECOND),
        complete(ended_at=NOW - 9 * GRACE),
        declined(ended_at=NOW - 9 * GRACE),
        ended("rejected", "none", rejected_as="not_found"),
        ended("failed", "charged", due_at=NOW, ended_at=NOW - GRACE + SECOND),
    ],
)
def test_runs_that_end_and_settle_in_time(one: ResearchRunRow) -> None:
    assert wrong_with(one) == []


@pytest.mark.parametrize(
    ("one", "detail"),
    [
        (run(created_at=NOW - GRACE), "it is queued 1:00:00 after its start"),
        (run(due_at=None), "it is queued and has no deadline"),
        (run(ended_at=NOW), f"it is queued, and its end {NOW}"),
        (complete(ended_at=None), "it is complete, and its end None"),
        (
            ended("failed", "charged", due_at=NOW, ended_at=NOW - GRACE),
            "it is failed, settlement charged, not settled 1:00:00 after its end",
        ),
        (
            ended("failed", "charged"),
            "it is failed, settlement charged, not settled, and has no deadline",
        ),
        (
            complete(settlement="voided"),
            "it is complete, settlement voided, not settled, and has no deadline",
        ),
    ],
)
def test_runs_that_do_not(one: ResearchRunRow, detail: str) -> None:
    assert wrong_with(one) == [detail]


def test_without_grace_everything_has_ended_and_is_settled() -> None:
    at_once = timedelta(0)
    assert wrong_with(run(created_at=NOW), at_once) != []
    assert wrong_with(ended("failed", "held", due_at=NOW, ended_at=NOW), at_once) != []
    assert wrong_with(complete(), at_once) == []


def test_with_all_the_time_in_the_world_only_what_nobody_looks_at_is_wrong() -> None:
    assert wrong_with(run(created_at=NOW - 999 * GRACE), timedelta.max) == []
    assert wrong_with(run(due_at=None), timedelta.max) != []


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({}, None),
        ({"state": "failed"}, None),
        ({"state": "queued", "ended_at": None, "due_at": NOW, "created_at": NOW - MINUTE}, None),
        ({"ended_at": None}, "it is complete, and its end None"),
        ({"state": "working", "ended_at": None}, "it is working and has no deadline"),
        (
            {"state": "working", "ended_at": None, "due_at": NOW},
            "it is working 1:00:00 after its start",
        ),
    ],
)
def test_regenerations_end(fields: dict[str, Any], detail: str | None) -> None:
    found = regenerations_end([regeneration(**fields)], now=NOW, grace=GRACE)
    assert [each.detail for each in found] == ([detail] if detail else [])
