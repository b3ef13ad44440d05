"""A worker on a fake owner, for tests of the runner."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import httpx

from libs.contracts.research import (
    ResearchJob,
    ResearchLease,
    ResearchSourceRecorded,
    ResearchStepStarted,
    ResearchTask,
    ResearchWorkFailed,
)
from libs.contracts.sources import Source, SourceStatus
from libs.contracts.work import WorkMessage
from libs.messaging.bus import Envelope, Incoming
from libs.work.client import OwnerClient
from libs.work.runner import Attempt, Findings, Runner
from tests.support.memory import START, TRACE, Counter, MemoryBus, Time, arriving

LEASE_S = 0.2
FINDINGS = Findings(ResearchStepStarted, ResearchSourceRecorded, ResearchWorkFailed)
JOB = ResearchJob(
    linkedin_url=None,
    first_name="Jo",
    last_name="Doe",
    role=None,
    company="Acme",
    company_website=None,
)


class FakeOwner:
    """Grants every run once, and keeps leases until told otherwise."""

    def __init__(self) -> None:
        self.claims: list[str] = []
        self.heartbeats: list[str] = []
        self.stop = False
        self.trouble: Callable[[httpx.Request], httpx.Response | None] = lambda request: None

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if trouble := self.trouble(request):
            return trouble
        _, _, run_id, verb = request.url.raw_path.decode().split("/")
        run_id = unquote(run_id)
        body = json.loads(request.content)
        if verb == "heartbeat":
            self.heartbeats.append(body["token"])
            return httpx.Response(200, json={"stop": self.stop})
        if run_id in self.claims:
            return httpx.Response(409)
        self.claims.append(run_id)
        lease = ResearchLease(
            run_id=run_id,
            token=f"token-{run_id}",
            attempt=1,
            lease_seconds=LEASE_S,
            traceparent=TRACE,
            job=JOB,
        )
        return httpx.Response(200, text=lease.model_dump_json())


class Worker:
    """A runner with a fake owner and work that a test decides."""

    def __init__(self, concurrency: int = 2) -> None:
        self.owner = FakeOwner()
        self.bus = MemoryBus()
        self.work: Callable[[Attempt[ResearchLease]], Awaitable[WorkMessage]] = self.wait_forever
        self.started: list[str] = []
        self.cancelled: list[str] = []
        http = httpx.AsyncClient(
            transport=httpx.MockTransport(self.owner.answer), base_url="http://owner"
        )
        self.runner = Runner(
            OwnerClient(http, ResearchLease, worker="me"),
            self.bus,
            Envelope(source="/worker", ids=Counter()),
            Time(),
            work=lambda attempt: self.work(attempt),
            findings=FINDINGS,
            concurrency=concurrency,
        )

    async def wait_forever(self, attempt: Attempt[ResearchLease]) -> WorkMessage:
        self.started.append(attempt.lease.run_id)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append(attempt.lease.run_id)
            raise
        raise AssertionError("unreachable")

    async def tasks(self, *runs: str) -> None:
        batch: list[Incoming] = [arriving(ResearchTask(run_id=run)) for run in runs]
        await self.runner.on_tasks(batch)

    @property
    def failures(self) -> list[ResearchWorkFailed]:
        return [
            ResearchWorkFailed.model_validate_json(message.value)
            for message in self.bus.published
            if message.type == "ResearchWorkFailed"
        ]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def result(attempt: Attempt[ResearchLease]) -> WorkMessage:
    source = Source(id="s", url="https://a.example", status=SourceStatus.READ, fetched_at=START)
    await attempt.step("crawl")
    await attempt.source(source)
    assert attempt.source_ids == ["s"]
    return ResearchStepStarted(
        run_id=attempt.lease.run_id, token=attempt.lease.token, step="result"
    )
