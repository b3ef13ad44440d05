"""Gauges of the runs of a service."""

from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from libs.work.run import OPEN
from libs.work.store import RunStore

OVERDUE_GRACE = timedelta(seconds=10)
"""How long after a deadline the reaper, which looks every second, must have acted on it."""


async def run_metrics(store: RunStore[Any], now: datetime) -> list[Metric]:
    """Open runs by state, ended ones that are not settled, and those that the reaper missed."""
    pending = await store.pending(now - OVERDUE_GRACE)
    runs = GaugeMetricFamily(
        "dossier_open_runs", "Runs that have not ended, by state.", labels=("state",)
    )
    for state in sorted(OPEN):
        runs.add_metric((state,), pending[state].runs if state in pending else 0)
    unsettled = sum(found.runs for state, found in pending.items() if state not in OPEN)
    return [
        runs,
        GaugeMetricFamily(
            "dossier_unsettled_runs", "Runs that have ended and are not settled.", value=unsettled
        ),
        GaugeMetricFamily(
            "dossier_overdue_runs",
            f"Runs whose deadline passed more than {OVERDUE_GRACE.seconds} s ago.",
            value=sum(found.overdue for found in pending.values()),
        ),
    ]
