"""Runs end, and ended ones get settled: statement 5."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from libs.audit.credit_of_runs import is_settled
from libs.audit.rows import ContextRunRow, ResearchRunRow
from libs.audit.violation import Violation


def runs_end_and_settle(
    runs: Iterable[ResearchRunRow], *, now: datetime, grace: timedelta, charge_failed: bool
) -> list[Violation]:
    """A run has ended a grace time after its start, and is settled a grace time after its end.

    One that has neither come to that nor has a deadline is wrong at once: nobody will look
    at it again.
    """
    found: list[Violation] = []
    for run in runs:
        wrong = _unended(run, now=now, grace=grace)
        if wrong is None and run.ended_at is not None:
            if is_settled(run, charge_failed=charge_failed):
                continue
            said = f"it is {run.state}, settlement {run.settlement}"
            if run.due_at is None:
                wrong = f"{said}, not settled, and has no deadline"
            elif now - run.ended_at >= grace:
                wrong = f"{said}, not settled {now - run.ended_at} after its end"
        if wrong:
            found.append(Violation(5, "runs end and settle", run.id, wrong))
    return found


def regenerations_end(
    runs: Iterable[ContextRunRow], *, now: datetime, grace: timedelta
) -> list[Violation]:
    """A regeneration has ended a grace time after its start; an open one has a deadline."""
    return [
        Violation(5, "regenerations end", run.id, wrong)
        for run in runs
        if (wrong := _unended(run, now=now, grace=grace))
    ]


def _unended(run: ResearchRunRow | ContextRunRow, *, now: datetime, grace: timedelta) -> str | None:
    if run.open != (run.ended_at is None):
        return f"it is {run.state}, and its end {run.ended_at}"
    if not run.open:
        return None
    if run.due_at is None:
        return f"it is {run.state} and has no deadline"
    if now - run.created_at >= grace:
        return f"it is {run.state} {now - run.created_at} after its start"
    return None
