"""The worker's half of a run: claim it, work on it under heartbeats, send what was found.

Work happens outside the message handler: a task is done with as soon as its run
is claimed, and the lease takes over from there.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx
import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from pydantic import ValidationError

from libs.contracts.sources import PageMetadata, Source
from libs.contracts.topics import MESSAGE_TYPES
from libs.contracts.work import (
    HANDED_BACK,
    Lease,
    SourceRecorded,
    StepStarted,
    WorkFailed,
    WorkMessage,
)
from libs.messaging import relay
from libs.messaging.bus import Ack, Bus, Envelope, Incoming, NotConsumed
from libs.messaging.clock import Clock, trace_id
from libs.messaging.errors import Poison
from libs.messaging.router import decode
from libs.work.client import OwnerClient

log = structlog.get_logger()

L = TypeVar("L", bound=Lease)

CLAIM_TRIES = 5
CLAIM_WAIT_S = 3.0
"""How long a worker that stops waits for a claim under way."""
PUBLISH_TRIES = 5
RETRY_S = 0.5
PLACE_WAIT_S = 60.0
"""Well below the time after which a consumer that asks for nothing leaves its group."""


class WorkError(Exception):
    """The work cannot succeed. `retryable`: another attempt may."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Findings:
    """The message types in which a kind of worker reports."""

    step: type[StepStarted]
    source: type[SourceRecorded]
    failed: type[WorkFailed]


class Attempt(Generic[L]):
    """One leased attempt at a run, as the work sees it."""

    def __init__(
        self, lease: L, findings: Findings, send: Callable[[WorkMessage], Awaitable[None]]
    ) -> None:
        self.lease = lease
        self._findings = findings
        self._send = send
        self.source_ids: list[str] = []

    async def step(self, name: str) -> None:
        """Reports that a named step has begun."""
        message = self._findings.step(run_id=self.lease.run_id, token=self.lease.token, step=name)
        await self._send(message)

    async def source(self, source: Source) -> None:
        """Reports what came of a page: its snapshot, and of what it says of itself the title."""
        self.source_ids.append(source.id)
        title = PageMetadata(title=source.metadata.title)
        message = self._findings.source(
            run_id=self.lease.run_id,
            token=self.lease.token,
            source=source.model_copy(update={"metadata": title}),
        )
        await self._send(message)


Work = Callable[[Attempt[L]], Awaitable[WorkMessage]]
"""Does the work of an attempt and answers its result. Raises `WorkError` if there is none."""


class Runner(Generic[L]):
    """Works on up to `concurrency` runs at once; a further task waits for a free place."""

    def __init__(
        self,
        owner: OwnerClient[L],
        bus: Bus,
        envelope: Envelope,
        clock: Clock,
        *,
        work: Work[L],
        findings: Findings,
        concurrency: int,
    ) -> None:
        self._owner = owner
        self._bus = bus
        self._envelope = envelope
        self._clock = clock
        self._work = work
        self._findings = findings
        self._places = asyncio.Semaphore(concurrency)
        self._attempts: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._stopping = False

    async def on_tasks(self, batch: Sequence[Incoming]) -> None:
        """Claims the runs of tasks, and works on those that it gets.

        Raises:
            NotConsumed: the worker shuts down, or no place gets free; the task comes again,
                or is another worker's.
        """
        for incoming in batch:
            await self._place()
            async with self._claiming:
                lease = None
                try:
                    lease = await self._claim(incoming)
                finally:
                    if lease is None:
                        self._places.release()
                if lease is not None:
                    task = asyncio.create_task(self._attempt(lease))
                    self._attempts.add(task)
                    task.add_done_callback(self._done)

    async def _place(self) -> None:
        """Waits for a free place, but not for so long that the consumer would count as dead."""
        try:
            async with asyncio.timeout(PLACE_WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise NotConsumed("all places are taken") from None

    def _done(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        self._places.release()

    async def metrics(self) -> list[Metric]:
        """How many attempts are under way."""
        return [
            GaugeMetricFamily(
                "dossier_attempts_running",
                "Attempts that this worker works on.",
                value=len(self._attempts),
            )
        ]

    async def stop(self) -> None:
        """Hands back every run under way, for another worker to continue at once."""
        self._stopping = True
        early = set(self._attempts)
        await _cancel(early)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLAIM_WAIT_S), self._claiming:
                pass  # a claim under way is granted first, then handed back
        late = self._attempts - early
        await _cancel(late)
        await asyncio.gather(*early, *late, return_exceptions=True)
        await self._owner.close()

    async def _claim(self, incoming: Incoming) -> L | None:
        try:
            task = decode(incoming)
        except Poison as error:
            log.error("unreadable task skipped", error=str(error))
            return None
        if task.meta.type not in MESSAGE_TYPES:
            log.error("task of an unknown type skipped", type=task.meta.type)
            return None
        run_id = task.message.key
        for _ in range(CLAIM_TRIES):
            if self._stopping:
                raise NotConsumed("the worker shuts down")
            try:
                return await self._owner.claim(run_id)
            except httpx.HTTPError as error:
                log.warning("claim failed, trying again", run_id=run_id, error=repr(error))
                await asyncio.sleep(RETRY_S)
            except ValidationError as error:
                # Granted by an owner of another version: the lease runs out, somebody else claims.
                log.error("lease not understood", run_id=run_id, errors=error.error_count())
                return None
            except Exception as error:
                # Nothing that a task says may keep those behind it from being taken.
                log.error("claim impossible, task skipped", run_id=run_id[:100], error=repr(error))
                return None
        # The run stays queued, and its owner sends the task again.
        return None

    async def _attempt(self, lease: L) -> None:
        with structlog.contextvars.bound_contextvars(
            run_id=lease.run_id, trace_id=trace_id(lease.traceparent)
        ):
            log.info("attempt started", attempt=lease.attempt)
            result: WorkMessage | None = None
            try:
                result = await self._work_while_leased(lease)
            except WorkError as error:
                result = self._failure(lease, error)
            except asyncio.CancelledError:
                gone = WorkError(HANDED_BACK, "The worker was shut down.", retryable=True)
                result = self._failure(lease, gone)
            except Exception:
                log.exception("attempt crashed")
                crash = WorkError(
                    "worker_error", "The worker met an unexpected error.", retryable=True
                )
                result = self._failure(lease, crash)
            if result is not None:
                await self._report(lease, result)

    async def _report(self, lease: L, result: WorkMessage) -> None:
        try:
            await self._send(lease, result)
        except WorkError as error:
            # The lease runs out, and the owner has the run tried again.
            log.error("attempt ended, but its result could not be sent", error=error.message)
        else:
            log.info("attempt ended", result=result.type_name())

    def _failure(self, lease: L, error: WorkError) -> WorkFailed:
        return self._findings.failed(
            run_id=lease.run_id,
            token=lease.token,
            code=error.code,
            message=error.message,
            retryable=error.retryable,
        )

    async def _work_while_leased(self, lease: L) -> WorkMessage | None:
        """The work's result, or None if the lease was lost on the way."""
        attempt = Attempt(lease, self._findings, lambda message: self._send(lease, message))
        work = asyncio.ensure_future(self._work(attempt))
        heart = asyncio.create_task(self._beat(lease))
        try:
            await asyncio.wait([work, heart], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            log.info("lease lost, stopping")
            return None
        finally:
            for task in (work, heart):
                task.cancel()
            await asyncio.gather(work, heart, return_exceptions=True)

    async def _beat(self, lease: L) -> None:
        """Returns when the lease is lost: taken away, or run out while the owner was away."""
        loop = asyncio.get_running_loop()
        lost_at = loop.time() + lease.lease_seconds
        while loop.time() < lost_at:
            await asyncio.sleep(lease.lease_seconds / 4)
            try:
                if not await self._owner.heartbeat(lease):
                    return
                lost_at = loop.time() + lease.lease_seconds
            except httpx.HTTPError as error:
                log.warning("heartbeat failed", error=repr(error))

    async def _send(self, lease: L, message: WorkMessage) -> None:
        """Publishes a message of this attempt.

        Raises:
            WorkError: Kafka did not take it.
        """
        outgoing = self._envelope.wrap(message, now=self._clock(), trace=lease.traceparent)
        for _ in range(PUBLISH_TRIES):
            [ack] = await relay.publish(self._bus, [outgoing])
            if ack is Ack.ACKNOWLEDGED:
                return
            await asyncio.sleep(RETRY_S)
        raise WorkError("broker_away", "What was found could not be sent.", retryable=True)


async def _cancel(attempts: Collection[asyncio.Task[None]]) -> None:
    await asyncio.sleep(0)  # one that was never begun could not hand anything back
    for attempt in attempts:
        attempt.cancel()
