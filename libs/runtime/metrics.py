"""`GET /metrics`: what a process has counted, and what it reads when it is asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain

import prometheus_client
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Metric, generate_latest

Reading = Callable[[], Awaitable[Iterable[Metric]]]
"""Answers what is now, quickly and without raising: a scrape waits for it."""

# When a counter began is of no use to anybody who reads it often. The function has no types.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


def metrics_route(readings: Sequence[Reading]) -> APIRouter:
    """The route. Counters are those of the whole process, `readings` those of the app."""
    router = APIRouter()

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        read = _Read(chain.from_iterable(await asyncio.gather(*(one() for one in readings))))
        text = generate_latest(REGISTRY) + generate_latest(read)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router


class _Read:
    """What was read, in the shape that `generate_latest` takes."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics
