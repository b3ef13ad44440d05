"""Rows of which every statement holds, for tests to spoil."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.audit.rows import (
    AccountRow,
    Answer,
    ContextRunRow,
    EntryRow,
    HoldRow,
    PersonRow,
    ProfileRow,
    ReportRow,
    ResearchRunRow,
)
from libs.audit.statements import Rows, Rules

NOW = datetime(2026, 4, 22, 10, tzinfo=UTC)
WINDOW = timedelta(hours=24)
GRACE = timedelta(hours=1)
RULES = Rules(window=WINDOW, grace=GRACE)
MINUTE = timedelta(minutes=1)


def person(**fields: Any) -> PersonRow:
    return replace(PersonRow("p1", "ada", "idle", None), **fields)


def run(**fields: Any) -> ResearchRunRow:
    """A run that was queued ten minutes ago; give its `state` and what goes with it."""
    queued = ResearchRunRow(
        id="r1",
        user_id="ada",
        person_id="p1",
        state="queued",
        settlement="charged",
        price=1,
        creates_person=False,
        prior_status="idle",
        rejected_as=None,
        due_at=NOW + MINUTE,
        created_at=NOW - 10 * MINUTE,
        ended_at=None,
        report_version=None,
    )
    return replace(queued, **fields)


def ended(state: str, settlement: str = "refunded", **fields: Any) -> ResearchRunRow:
    """A run that ended five minutes ago, and is settled."""
    ended_at = {"ended_at": NOW - 5 * MINUTE, "due_at": None}
    return run(**{"state": state, "settlement": settlement, **ended_at, **fields})


def complete(**fields: Any) -> ResearchRunRow:
    return ended("complete", **{"settlement": "charged", "report_version": 1, **fields})


def declined(**fields: Any) -> ResearchRunRow:
    return ended(
        "rejected", **{"settlement": "declined", "rejected_as": "payment_required"} | fields
    )


def hold(**fields: Any) -> HoldRow:
    return replace(HoldRow("r1", "ada", 1, "charged", NOW - 10 * MINUTE), **fields)


def transfer(run_id: str, kind: str, source: str, to: str, amount: int = 1) -> list[EntryRow]:
    id_ = f"{run_id}:{kind}"
    return [
        EntryRow(id_, source, -amount, kind, run_id),
        EntryRow(id_, to, amount, kind, run_id),
    ]


def charge(run_id: str = "r1", user: str = "ada") -> list[EntryRow]:
    return transfer(run_id, "charge", user, "@revenue")


def refund(run_id: str = "r1", user: str = "ada") -> list[EntryRow]:
    return transfer(run_id, "refund", "@revenue", user)


def grant(user: str = "ada", amount: int = 10) -> list[EntryRow]:
    return [
        EntryRow(f"grant-{user}", "@grants", -amount, "grant", None),
        EntryRow(f"grant-{user}", user, amount, "grant", None),
    ]


def regeneration(**fields: Any) -> ContextRunRow:
    """A regeneration that completed an hour ago."""
    at = NOW - timedelta(hours=1)
    done = ContextRunRow("c1", "ada", "complete", at, at, None, at + MINUTE, None, None)
    return replace(done, **fields)


def profile(**fields: Any) -> ProfileRow:
    filled = frozenset({"company.overview"})
    return replace(ProfileRow("ada", NOW - timedelta(hours=1), filled, filled), **fields)


def answer(**fields: Any) -> Answer:
    return replace(Answer("ada", "r1", 200, "p1", creates_person=False, kind="research"), **fields)


def everything() -> Rows:
    """A user with one run of most endings, one under way, and a regeneration."""
    return Rows(
        people=[
            person(id="p1", status="complete"),
            person(id="p2", status="running", active_run_id="r2"),
            person(id="p3", status="failed"),
            person(id="p4", status="idle"),
        ],
        runs=[
            complete(),
            run(id="r2", person_id="p2"),
            ended("failed", id="r3", person_id="p3"),
            ended("rolled_back", "voided", id="r4", person_id="p4", prior_status="failed"),
            declined(id="r5", person_id="p5", creates_person=True),
        ],
        reports=[ReportRow("p1", "r1", 1)],
        accounts=[AccountRow("ada", 8, 0)],
        holds=[
            hold(),
            hold(run_id="r2"),
            hold(run_id="r3", state="refunded"),
            hold(run_id="r4", state="voided"),
            hold(run_id="r5", state="declined"),
        ],
        entries=[*grant(), *charge(), *charge("r2"), *charge("r3"), *refund("r3")],
        profiles=[profile()],
        regenerations=[regeneration()],
        answers=[
            answer(),
            answer(run_id="r4", status=503, person_id="p4"),
            answer(run_id="r5", status=402, person_id="p5", creates_person=True),
            answer(run_id="c1", person_id=None, kind="context"),
        ],
    )
