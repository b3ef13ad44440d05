"""What `dossier status` makes of readiness and metrics."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from deploy.local.status import Verdict, verdict_on
from deploy.local.vitals import (
    OLDEST_HOLD_S,
    OLDEST_UNSENT_S,
    STALLED_S,
    Vitals,
    totals_of,
    vitals_of,
)

WELL = Vitals(name="research", answers=True, lag=0, unsent=0, open_runs=0, overdue_runs=0)
WORKER = Vitals(name="research-worker", answers=True, lag=0, attempts=0)
GONE = Vitals(name="gateway")


def test_metrics_are_summed_over_their_labels() -> None:
    registry = CollectorRegistry()
    letters = Counter("dossier_dead_letters", "…", ("topic",), registry=registry)
    letters.labels("a").inc(2)
    letters.labels("b").inc()
    Gauge("dossier_outbox_rows", "…", registry=registry).set(5)
    totals = totals_of(generate_latest(registry).decode())
    vitals = vitals_of("credits", {"database": True, "broker": False}, totals)
    assert (vitals.dead_letters, vitals.unsent) == (3, 5)
    assert vitals.failing_checks == ("broker",)
    # Not a worker's figure of 0, but none at all.
    assert vitals.attempts is None


@pytest.mark.parametrize(
    ("vitals", "problem"),
    [
        (replace(WELL, failing_checks=("broker", "database")), "is not ready: broker, database"),
        (
            replace(WELL, lag=7, stalled_s=STALLED_S),
            "has handled nothing for 30 s; messages that wait: 7",
        ),
        (replace(WELL, oldest_unsent_s=OLDEST_UNSENT_S), "has an unsent message that is 30 s old"),
        (replace(WELL, oldest_hold_s=OLDEST_HOLD_S), "has an open hold that is 60 s old"),
        (replace(WELL, overdue_runs=2), "has runs that are overdue: 2"),
        (
            replace(WORKER, lag=1, stalled_s=STALLED_S),
            "has handled nothing for 30 s; messages that wait: 1",
        ),
        (GONE, "does not answer"),
    ],
)
def test_a_problem_is_named_and_spoils_the_verdict(vitals: Vitals, problem: str) -> None:
    assert vitals.problems == [problem]
    assert verdict_on([WELL, vitals]) is Verdict.UNWELL


@pytest.mark.parametrize(
    "vitals",
    [
        WELL,
        replace(WELL, lag=900, stalled_s=STALLED_S - 1, unsent=3, oldest_unsent_s=4, open_runs=9),
        replace(WORKER, lag=900, stalled_s=9000, attempts=2),
        replace(WELL, commit_failures=3, dead_letters=1),
    ],
)
def test_what_is_under_way_is_no_problem(vitals: Vitals) -> None:
    assert vitals.problems == []
    assert verdict_on([vitals, WELL]) is Verdict.WELL


def test_without_any_process_there_is_no_stack() -> None:
    assert verdict_on([GONE, GONE]) is Verdict.NO_STACK
