"""What a service's database says of how it fares: its outbox, and figures of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.messaging.clock import system_clock
from libs.messaging.metrics import outbox_metrics
from libs.messaging.outbox import Outbox

log = structlog.get_logger()

FRESH_S = 3.0
"""How old figures may be: however often they are asked for, they are read no oftener."""
READ_TIMEOUT_S = 2.0

Figures = Callable[[AsyncConnection, datetime], Awaitable[list[Metric]]]
"""Reads a service's own figures, as of a time."""


class DatabaseFigures:
    """The figures of one database. Where it is away there are none, but `dossier_database_up 0`."""

    def __init__(self, engine: AsyncEngine, figures: Figures) -> None:
        self._engine = engine
        self._figures = figures
        self._metrics: list[Metric] = []
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def __call__(self) -> list[Metric]:
        loop = asyncio.get_running_loop()
        async with self._reading:
            if loop.time() - self._read_at > FRESH_S:
                self._metrics = await self._read()
                self._read_at = loop.time()
        return self._metrics

    async def _read(self) -> list[Metric]:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S), self._engine.connect() as connection:
                now = system_clock()
                unsent = outbox_metrics(await Outbox(connection).backlog(now))
                return [_up(1), *unsent, *await self._figures(connection, now)]
        except Exception as error:
            # Whatever it was, the scrape has more to tell than this.
            log.warning("figures of the database not read", error=repr(error))
            return [_up(0)]


def _up(value: int) -> Metric:
    return GaugeMetricFamily(
        "dossier_database_up", "Whether the figures of the database could be read.", value=value
    )
