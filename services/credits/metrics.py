"""Gauges of the holds."""

from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from services.credits.store import PostgresStore


async def hold_metrics(store: PostgresStore, now: datetime) -> list[Metric]:
    """How many holds are open, and how old the oldest is."""
    count, oldest = await store.all_open_holds()
    return [
        GaugeMetricFamily("dossier_open_holds", "Holds that are not resolved.", value=count),
        GaugeMetricFamily(
            "dossier_open_holds_oldest_seconds",
            "Age of the oldest of them; 0 without any.",
            value=(now - oldest).total_seconds() if oldest else 0.0,
        ),
    ]
