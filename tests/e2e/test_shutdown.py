"""Processes that are told to stop, one by one, while the stack goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import psutil

from tests.e2e.api import Admin
from tests.e2e.database import HOST, Databases
from tests.e2e.faults import reading
from tests.e2e.probe import RECOVERS_S, Probe
from tests.e2e.site import Site
from tests.e2e.stack import (
    CONTEXT,
    CONTEXT_WORKER,
    CREDITS,
    GATEWAY,
    RESEARCH,
    RESEARCH_WORKER,
    Up,
)

STOPS_S = 5.0


async def gone(*processes: psutil.Process) -> None:
    """Waits for the end of processes that were told to stop."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, STOPS_S)
    assert alive == []


@asynccontextmanager
async def person_locked(up: Up, person_id: str) -> AsyncIterator[None]:
    """Research gets no further with a person while the block runs."""
    ports = json.loads((up.folder / "ports.json").read_text())
    secrets = json.loads((up.folder / "secrets.json").read_text())
    connection = await asyncpg.connect(
        host=HOST,
        port=ports["postgres"],
        user="research",
        password=secrets["database.research"],
        database="research",
    )
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM people WHERE id = $1 FOR UPDATE", person_id)
            yield
    finally:
        await connection.close()


async def test_idle_processes_stop_at_once(fault_up: Up, fault_probe: Probe) -> None:
    programs = (CREDITS, CONTEXT, RESEARCH, GATEWAY, CONTEXT_WORKER, RESEARCH_WORKER)
    processes = [fault_up.find(program) for program in programs]
    for process in processes:
        process.terminate()
    await gone(*processes)
    await fault_probe.works()


async def test_a_worker_hands_back_what_it_works_on(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, site: Site
) -> None:
    user = await fault_admin.user(credit=1)
    site.hold()
    _, run_id = await user.added(site.url)
    await reading(site)
    worker = fault_up.find(RESEARCH_WORKER)
    worker.terminate()
    await gone(worker)
    site.let_go()
    run = await user.settled(run_id, RECOVERS_S)
    # No lease had to run out: the attempt did not count.
    assert (run["status"], run["attempt"]) == ("complete", 1)
    await fault_probe.works()


async def test_a_gateway_answers_the_requests_under_way(
    fault_up: Up,
    fault_probe: Probe,
    fault_admin: Admin,
    fault_databases: Databases,
    site: Site,
) -> None:
    user = await fault_admin.user(credit=1)
    [person_id] = await fault_databases.idle_people(user.id, 1, site.url)
    gateway = fault_up.find(GATEWAY)
    async with person_locked(fault_up, person_id):
        answering = asyncio.create_task(user.run(person_id))
        await asyncio.sleep(1)
        gateway.terminate()
        await asyncio.sleep(0.5)
        assert not answering.done()
    answer = await answering
    assert answer.status_code == 200, answer.text
    await gone(gateway)
    await fault_probe.works()
    assert (await user.settled(answer.json()["runId"]))["status"] == "complete"
