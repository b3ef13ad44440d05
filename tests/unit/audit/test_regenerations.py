"""Statement 6, and statement 8 of contexts."""

from datetime import timedelta

import pytest

from libs.audit.regenerations import (
    contexts_rest_on_evidence,
    one_regeneration_a_window,
    slots_are_those_of_their_regenerations,
)
from libs.audit.rows import ContextRunRow, ProfileRow
from tests.unit.audit.sound import NOW, WINDOW, profile, regeneration

STAMP = regeneration().stamp
EARLIER = NOW - WINDOW - timedelta(hours=1)
SOON_AFTER = NOW - WINDOW + timedelta(minutes=1)


def older(**fields: object) -> ContextRunRow:
    """A regeneration of exactly a window before the usual one."""
    return regeneration(**{"id": "c0", "stamp": EARLIER, **fields})


@pytest.mark.parametrize(
    "runs",
    [
        [regeneration()],
        [older(), regeneration(prior_stamp=EARLIER)],
        [regeneration(prior_stamp=EARLIER), older()],
        [regeneration(), older(stamp=SOON_AFTER, user_id="eve")],
        [regeneration(), older(stamp=SOON_AFTER, state="failed")],
        [regeneration(), older(stamp=SOON_AFTER, state="rolled_back")],
        [regeneration(), older(stamp=None, state="rejected", rejected_as="window_closed")],
    ],
)
def test_regenerations_a_window_apart(runs: list[ContextRunRow]) -> None:
    assert one_regeneration_a_window(runs, window=WINDOW) == []


@pytest.mark.parametrize(
    ("runs", "subject"),
    [
        ([regeneration(), older(stamp=SOON_AFTER)], "ada"),
        ([regeneration(), older(stamp=SOON_AFTER, state="working", ended_at=None)], "ada"),
        ([older(stamp=STAMP), regeneration()], "ada"),
        ([regeneration(state="failed", prior_stamp=SOON_AFTER)], "c1"),
        ([regeneration(stamp=None)], "c1"),
        ([older(), regeneration(), regeneration(id="c2", stamp=NOW)], "ada"),
    ],
)
def test_regenerations_that_are_too_close(runs: list[ContextRunRow], subject: str) -> None:
    [found] = one_regeneration_a_window(runs, window=WINDOW)
    assert (found.statement, found.subject) == (6, subject)


@pytest.mark.parametrize(
    ("profiles", "runs"),
    [
        ([], []),
        ([profile(stamp=None)], []),
        ([profile()], [regeneration()]),
        ([profile()], [older(), regeneration()]),
        ([profile()], [regeneration(), regeneration(id="c2", stamp=NOW, state="failed")]),
        ([profile(stamp=None)], [regeneration(state="failed")]),
        # A stamp that is older than the window binds nobody.
        ([profile(stamp=None)], [older()]),
        ([profile(stamp=EARLIER)], []),
    ],
)
def test_slots_of_their_regenerations(
    profiles: list[ProfileRow], runs: list[ContextRunRow]
) -> None:
    found = slots_are_those_of_their_regenerations(profiles, runs, now=NOW, window=WINDOW)
    assert found == []


@pytest.mark.parametrize(
    ("profiles", "runs"),
    [
        ([], [regeneration()]),
        ([profile()], []),
        ([profile(stamp=None)], [regeneration()]),
        ([profile(stamp=EARLIER)], [regeneration()]),
        ([profile()], [regeneration(state="failed")]),
        ([profile()], [regeneration(state="rolled_back"), older()]),
        ([profile()], [older(stamp=SOON_AFTER)]),
        ([profile(stamp=SOON_AFTER)], [older(stamp=SOON_AFTER), regeneration()]),
        ([profile(user_id="eve")], [regeneration(user_id="eve", state="failed")]),
    ],
)
def test_slots_of_other_regenerations(
    profiles: list[ProfileRow], runs: list[ContextRunRow]
) -> None:
    [found] = slots_are_those_of_their_regenerations(profiles, runs, now=NOW, window=WINDOW)
    assert found.statement == 6


def test_a_window_ends_at_the_instant_that_it_says() -> None:
    stamp = NOW - WINDOW
    kept = [regeneration(stamp=stamp + timedelta(microseconds=1))]
    assert slots_are_those_of_their_regenerations([], kept, now=NOW, window=WINDOW) != []
    over = [regeneration(stamp=stamp)]
    assert slots_are_those_of_their_regenerations([], over, now=NOW, window=WINDOW) == []


@pytest.mark.parametrize(
    ("profiles", "runs", "detail"),
    [
        ([profile()], [regeneration()], None),
        ([profile(filled=frozenset(), evidenced=frozenset())], [], None),
        ([profile(filled=frozenset())], [regeneration(state="failed")], None),
        ([profile()], [], None),
        ([], [regeneration()], "a regeneration is complete, and the context is empty"),
        (
            [profile(filled=frozenset())],
            [regeneration()],
            "a regeneration is complete, and the context is empty",
        ),
        (
            [profile(filled=frozenset({"user.x", "company.overview", "market.y"}))],
            [],
            "no evidence for market.y, user.x",
        ),
    ],
)
def test_contexts_and_their_evidence(
    profiles: list[ProfileRow], runs: list[ContextRunRow], detail: str | None
) -> None:
    found = contexts_rest_on_evidence(profiles, runs)
    assert [(one.statement, one.detail) for one in found] == ([(8, detail)] if detail else [])
