"""The process around a worker's half of a run: crawler, generator, Kafka and health."""

import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import FastAPI

from libs.contracts.sources import Source
from libs.contracts.topics import Topic
from libs.contracts.work import Lease, WorkMessage
from libs.crawl import Crawler, CrawlPlan, CrawlSettings
from libs.generate.factory import build_generator
from libs.generate.port import GenerationFailed, Generator
from libs.generate.settings import GenerateSettings
from libs.messaging.bus import Envelope
from libs.messaging.clock import random_ids, system_clock
from libs.messaging.kafka import KafkaBus
from libs.messaging.settings import KafkaSettings
from libs.runtime.internal_client import internal_client
from libs.runtime.service import Parts, create_app, serve
from libs.runtime.settings import RuntimeSettings
from libs.work.client import OwnerClient
from libs.work.runner import Attempt, Findings, Runner, WorkError

L = TypeVar("L", bound=Lease)

OWNER_TIMEOUT_S = 5.0
TASK_WAIT_MS = 100
"""Fetch wait for tasks on the embedded broker: nobody misses the tenth of a second."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What an attempt works with."""

    crawler: Crawler
    generator: Generator


@dataclass(frozen=True, slots=True)
class Job(Generic[L]):
    """A kind of work: where its tasks come from, and how it is done."""

    name: str
    tasks: Topic
    owner_url: str
    lease: type[L]
    findings: Findings
    work: Callable[[Attempt[L], Tools], Awaitable[WorkMessage]]
    concurrency: int


async def crawl(attempt: Attempt[L], tools: Tools, plan: CrawlPlan) -> tuple[Source, ...]:
    """Crawls, reporting every source as it comes.

    Raises:
        WorkError: not a single page could be read.
    """
    await attempt.step("crawl")
    sources = tuple(await tools.crawler.crawl(plan, attempt.source))
    if not any(source.was_read for source in sources):
        reasons = "; ".join(f"{source.url}: {source.reason}" for source in sources[:5])
        raise WorkError("nothing_read", f"No page could be read. {reasons}".strip())
    return sources


def create_worker(job: Job[L], runtime: RuntimeSettings, kafka: KafkaSettings) -> FastAPI:
    """The process of a worker: one crawler, one generator, and a few runs at once."""
    patient = kafka.model_copy(update={"busy_wait_ms": max(TASK_WAIT_MS, kafka.busy_wait_ms)})
    bus = KafkaBus(patient, client_id=job.name)
    crawler = Crawler(CrawlSettings())
    tools = Tools(crawler, build_generator(GenerateSettings()))
    http = internal_client(job.owner_url, runtime.internal_token, timeout_s=OWNER_TIMEOUT_S)

    async def work(attempt: Attempt[L]) -> WorkMessage:
        try:
            return await job.work(attempt, tools)
        except GenerationFailed as error:
            raise WorkError(error.code, str(error), retryable=error.retryable) from error

    runner = Runner(
        OwnerClient(http, job.lease, worker=f"{socket.gethostname()}/{os.getpid()}"),
        bus,
        Envelope(source=f"/{job.name}", ids=random_ids),
        system_clock,
        work=work,
        findings=job.findings,
        concurrency=job.concurrency,
    )
    # One task at a time: the next is taken when there is a place for it.
    bus.subscribe([job.tasks], job.name, runner.on_tasks, most=1)
    crawling = AsyncExitStack()

    async def open_crawler() -> None:
        await crawling.enter_async_context(crawler)

    async def consumer() -> bool:
        return bus.assigned()

    return create_app(
        Parts(
            start=[open_crawler, bus.start],
            stop=[runner.stop, bus.stop, crawling.aclose],
            checks=(("broker", bus.reachable), ("consumer", consumer)),
            metrics=[bus.metrics, runner.metrics],
        )
    )


def run_worker(job: Job[L], host: str, port: int) -> None:
    """Runs a worker until it is told to stop."""
    runtime = RuntimeSettings()
    serve(
        create_worker(job, runtime, KafkaSettings()),
        name=job.name,
        host=host,
        port=port,
        log_level=runtime.log_level,
    )
