"""All checks together: silent on sound rows, loud on each way to spoil them."""

from collections.abc import Collection
from dataclasses import replace
from types import FunctionType
from typing import Any

import pytest

from libs.audit import statements
from libs.audit.rows import AccountRow, EntryRow, ReportRow
from libs.audit.statements import STATEMENTS, Rows, violations
from libs.audit.violation import Violation
from tests.unit.audit.sound import (
    MINUTE,
    NOW,
    RULES,
    answer,
    charge,
    everything,
    hold,
    person,
    profile,
    regeneration,
    run,
)


def spoilt(table: str, index: int, **fields: Any) -> Rows:
    """The sound rows with other fields of one of them."""
    rows = everything()
    changed = list(getattr(rows, table))
    changed[index] = replace(changed[index], **fields)
    return replace(rows, **{table: changed})


def with_more(**tables: Collection[Any]) -> Rows:
    rows = everything()
    return replace(rows, **{name: [*getattr(rows, name), *more] for name, more in tables.items()})


def without(table: str, index: int) -> Rows:
    rows = everything()
    left = [row for at, row in enumerate(getattr(rows, table)) if at != index]
    return replace(rows, **{table: left})


SPOILT = {
    "a person who names an ended run": (
        spoilt("people", 0, status="running", active_run_id="r1"),
        {(1, "people name their run")},
    ),
    "a second open run of a person": (
        with_more(
            runs=[run(id="r6", person_id="p2", state="holding", settlement="none", price=None)]
        ),
        {(1, "open runs have their person")},
    ),
    "a status that no run left": (
        spoilt("people", 2, status="idle"),
        {(4, "people stand as their last run left them")},
    ),
    "a newcomer who stayed after the decline": (
        with_more(people=[person(id="p5")]),
        {
            (4, "people stand as their last run left them"),
            (7, "answers were true"),
        },
    ),
    "a second charge of a run": (
        with_more(entries=[replace(half, transfer_id="again") for half in charge()]),
        {
            (2, "holds resolve once"),
            (2, "entries have their hold"),
            (3, "accounts add up"),
            (4, "settled runs cost what they should"),
        },
    ),
    "a refund that is missing": (
        replace(everything(), entries=list(everything().entries)[:-2]),
        {
            (2, "holds resolve once"),
            (3, "accounts add up"),
            (4, "settled runs cost what they should"),
        },
    ),
    "an account that has too much": (
        spoilt("accounts", 0, posted=9),
        {(3, "accounts add up")},
    ),
    "an account that is gone": (
        without("accounts", 0),
        {(3, "accounts exist")},
    ),
    "a transfer that came from nowhere": (
        with_more(
            entries=[EntryRow("g2", "eve", 5, "grant", None)], accounts=[AccountRow("eve", 5, 0)]
        ),
        {(3, "transfers balance")},
    ),
    "a charge of what was voided": (
        spoilt("holds", 3, state="charged"),
        {(2, "holds resolve once"), (4, "holds agree with their run"), (7, "answers were true")},
    ),
    "a hold of nobody's run": (
        with_more(holds=[hold(run_id="r9", state="voided")]),
        {(4, "holds have their run")},
    ),
    "a run that stays open": (
        spoilt("runs", 1, created_at=NOW - 61 * MINUTE),
        {(5, "runs end and settle")},
    ),
    "a regeneration without a deadline": (
        with_more(
            regenerations=[
                regeneration(
                    id="c2", user_id="eve", state="queued", ended_at=None, stamp=NOW - MINUTE
                )
            ],
            profiles=[profile(user_id="eve", stamp=NOW - MINUTE)],
        ),
        {(5, "regenerations end")},
    ),
    "credits held for a run that ended long ago": (
        replace(
            spoilt("holds", 2, state="held", created_at=NOW - 95 * MINUTE),
            entries=[row for row in everything().entries if row.run_id != "r3"],
            accounts=[AccountRow("ada", 8, 1)],
            runs=[
                replace(one, settlement="held", ended_at=NOW - 90 * MINUTE, due_at=NOW)
                if one.id == "r3"
                else one
                for one in everything().runs
            ],
        ),
        {(5, "nothing is held for long after the end"), (5, "runs end and settle")},
    ),
    "two regenerations in a window": (
        with_more(regenerations=[regeneration(id="c2", stamp=NOW - 65 * MINUTE)]),
        {(6, "one regeneration a window")},
    ),
    "a slot that nobody has": (
        spoilt("regenerations", 0, state="failed"),
        {(6, "slots are those of their regenerations")},
    ),
    "a 200 whose run was undone": (
        with_more(answers=[answer(run_id="r4", person_id="p4")]),
        {(7, "answers were true")},
    ),
    "a version that is missing": (
        spoilt("reports", 0, version=2),
        {(8, "versions have no gaps"), (8, "complete runs have their report")},
    ),
    "a report of a failed run": (
        with_more(reports=[ReportRow("p3", "r3", 1)]),
        {(8, "reports have their run"), (8, "complete runs have their report")},
    ),
    "a field without evidence": (
        spoilt("profiles", 0, evidenced=frozenset()),
        {(8, "contexts rest on evidence")},
    ),
}


def test_sound_rows_are_left_alone() -> None:
    assert violations(everything(), RULES, NOW) == []


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_wrong_is_found_by_its_checks_and_no_others(what: str) -> None:
    rows, expected = SPOILT[what]
    assert {(found.statement, found.name) for found in violations(rows, RULES, NOW)} == expected


def test_every_check_and_every_statement_but_the_ninth_is_spoilt_here() -> None:
    checks = {
        name.replace("_", " ")
        for name, thing in vars(statements).items()
        if isinstance(thing, FunctionType)
        and thing.__module__ != statements.__name__
        and thing.__annotations__.get("return") == list[Violation]
    }
    assert len(checks) > 15
    found = {one for _, expected in SPOILT.values() for one in expected}
    assert {name for _, name in found} == checks
    assert {number for number, _ in found} == STATEMENTS.keys() - {9}


def test_a_violation_reads_as_one_line() -> None:
    [found] = violations(spoilt("accounts", 0, posted=9), RULES, NOW)
    assert str(found) == ("statement 3, accounts add up: ada: posted is 9, its entries add up to 8")
