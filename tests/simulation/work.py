"""What simulated workers do in an attempt: find something, nothing, fail, hang or crash."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from libs.contracts.work import Lease, WorkMessage
from libs.work.runner import Attempt, WorkError
from tests.simulation import content
from tests.simulation.faults import Faults
from tests.simulation.process import Process

STEP_S = 1.5
HANG_S = 25.0
HOPELESS = "00"
"""How the ids of runs end at which every attempt fails, with and without faults."""


def work_of(
    owner: str, process: Process, random: Random, faults: Faults
) -> Callable[[Attempt[Lease]], Awaitable[WorkMessage]]:
    """The work of a kind of worker."""
    result = content.report if owner == "research" else content.context

    async def work(attempt: Attempt[Lease]) -> WorkMessage:
        await attempt.step("crawl")
        if attempt.lease.run_id.endswith(HOPELESS):
            raise WorkError("browser_crashed", "This page crashes every browser.", retryable=True)
        pages = content.PAGES[: random.randint(1, len(content.PAGES))]
        for page in pages:
            await asyncio.sleep(random.random() * STEP_S)
            await process.point()
            await attempt.source(page)
        if faults.strike("worker hung", 0.05):
            await asyncio.sleep(HANG_S)
        if faults.strike("worker crashed", 0.05):
            raise RuntimeError("the browser is gone")
        if faults.strike("attempt failed", 0.05):
            raise WorkError("browser_crashed", "The browser crashed.", retryable=True)
        chance = random.random()
        if chance < 0.1:
            raise WorkError(content.NOTHING_READ, attempt.lease.token)
        await asyncio.sleep(random.random() * STEP_S)
        return result(
            attempt.lease, content.Findings(pages, invented=chance > 0.95, partial=chance < 0.5)
        )

    return work
