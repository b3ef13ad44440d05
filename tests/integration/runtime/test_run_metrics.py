"""The gauges of runs, read from real tables."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from libs.work.metrics import OVERDUE_GRACE, run_metrics
from services.context.store import PostgresStore

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)
JUST_PASSED = NOW - OVERDUE_GRACE + timedelta(seconds=1)
LONG_PASSED = NOW - OVERDUE_GRACE - timedelta(seconds=1)
RUNS = [
    ("dispatching", LATER),
    ("queued", JUST_PASSED),
    ("queued", LONG_PASSED),
    ("working", LATER),
    ("cancelled", LATER),
    ("failed", LONG_PASSED),
    ("complete", None),
]
ADD_RUN = sa.text("""
    INSERT INTO runs (id, user_id, state, created_at, traceparent, due_at, attempt, creates_profile)
    VALUES (:id, 'user', :state, :now, '', :due_at, 0, false)
""")


@pytest.mark.parametrize("there", [True, False])
async def test_runs_are_counted_by_what_is_still_to_be_done(
    database_url: Callable[[str], str], there: bool
) -> None:
    url = database_url("context")
    await asyncio.to_thread(upgrade, "context", url)
    engine = create_engine(url)
    async with engine.connect() as connection:
        for number, (state, due_at) in enumerate(RUNS if there else []):
            values = {"id": f"run_{number}", "state": state, "due_at": due_at, "now": NOW}
            await connection.execute(ADD_RUN, values)
        metrics = await run_metrics(PostgresStore(connection), NOW)
    await engine.dispose()
    found = {
        (sample.name, sample.labels.get("state")): sample.value
        for metric in metrics
        for sample in metric.samples
    }
    assert found == {
        ("dossier_open_runs", "holding"): 0,
        ("dossier_open_runs", "dispatching"): 1 * there,
        ("dossier_open_runs", "queued"): 2 * there,
        ("dossier_open_runs", "working"): 1 * there,
        ("dossier_unsettled_runs", None): 2 * there,
        ("dossier_overdue_runs", None): 2 * there,
    }
