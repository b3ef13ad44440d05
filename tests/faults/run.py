"""One run of faults, from the stack's start to the line that says what came of it."""

import asyncio
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import psutil

from deploy.local.ports import free_ports
from tests.e2e.stack import Up
from tests.faults.actors import live
from tests.faults.audit import Audit
from tests.faults.chaos import Chaos
from tests.faults.final import Final
from tests.faults.links import Network
from tests.faults.memory import Call, Fate, Findings, Json, Tenant, Wish
from tests.faults.plan import Fault, plan
from tests.faults.town import Town
from tests.faults.up import LINK_PORTS

WINDOW_H = 0.003
SETTINGS = {
    "DOSSIER_CRAWL_ALLOW_HOSTS": "127.0.0.1",
    "DOSSIER_CRAWL_BROWSER": "lightpanda",
    "DOSSIER_CONTEXT_WINDOW_H": str(WINDOW_H),
    "DOSSIER_RESEARCH_WORKER_CONCURRENCY": "4",
    # Deadlines that would otherwise outlast the calm between two faults.
    "DOSSIER_WORK_LEASE_S": "6",
    "DOSSIER_WORK_RESEND_S": "3",
}
RICH = 4
POOR = 2
ACTORS_EACH = 2
PROGRESS_EVERY_S = 5.0
WARM_UP_S = 5.0
SLOWEST_SHOWN = 3
GONE_WITHIN_S = 10.0


class Log:
    """Lines with the time since the start, on the standard output and in a file."""

    def __init__(self, path: Path) -> None:
        self._began = time.monotonic()
        self._file = path.open("a")

    def __call__(self, line: str) -> None:
        stamped = f"{time.monotonic() - self._began:7.1f}  {line}"
        print(stamped, flush=True)
        self._file.write(stamped + "\n")
        self._file.flush()


async def faults(seed: int, duration_s: float) -> int:
    """Runs a stack under faults; the exit code is 0 if nothing was wrong in the end.

    The folder with the logs is kept if something was.
    """
    folder = Path(tempfile.mkdtemp(prefix="dossier-faults-"))
    say = Log(folder / "faults.log")
    findings = Findings(say)
    say(f"seed {seed}, {duration_s / 60:g} minutes of faults, in {folder}")
    try:
        async with (
            stack(folder) as (up, network),
            Town(await up.ready(), findings, random.Random(seed)) as town,
        ):
            audit = Audit(up.folder, timedelta(hours=WINDOW_H), findings)
            chaos = Chaos(up, network, say)
            await town.settle(RICH, POOR)
            say(f"the stack is up, with {len(town.tenants)} users")
            await _day(town, chaos, audit, plan(seed, duration_s), say)
            final = Final(up, town, audit)
            unended = await final.quiet()
            for line in unended:
                say(f"NOT ENDED: {line}")
            say("looking at everything")
            await final.check()
    except asyncio.CancelledError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    failed = bool(findings.lines or unended)
    result = _result(town, chaos, findings, unended, say)
    if failed:
        say(f"logs are kept in {folder}")
    else:
        shutil.rmtree(folder)
    print(json.dumps(result), flush=True)
    return int(failed)


async def _day(
    town: Town, chaos: Chaos, audit: Audit, hits: Sequence[Fault], say: Callable[[str], None]
) -> None:
    """The users act, the faults hit, and the databases are looked at all the while."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        watching = [
            tasks.create_task(watch)
            for watch in (chaos.watch(), audit.run(), _progress(town, chaos, say))
        ]
        acts = [
            tasks.create_task(live(town, tenant, over))
            for tenant in town.tenants
            for _ in range(ACTORS_EACH)
        ]
        await asyncio.sleep(WARM_UP_S)
        await chaos.run(hits)
        say("the faults are over")
        await asyncio.sleep(WARM_UP_S)
        over.set()
        await asyncio.gather(*acts)
        for watch in watching:
            watch.cancel()


def _result(
    town: Town,
    chaos: Chaos,
    findings: Findings,
    unended: Sequence[str],
    say: Callable[[str], None],
) -> Json:
    """What came of it, for the last line."""
    calm = undisturbed(town.tenants, chaos)
    for took_ms, call in calm[-SLOWEST_SHOWN:]:
        say(f"slow outside faults, {took_ms:.0f} ms: {call}")
    return {
        "requests": town.requests,
        "accepted": sum(len(t.research_runs | t.context_runs) for t in town.tenants),
        "kills": chaos.kills,
        "pauses": chaos.pauses,
        "isolations": chaos.isolations,
        "violations": len(findings.lines),
        "unended": len(unended),
        "p99_ms_outside_faults": round(calm[int(0.99 * len(calm))][0], 1) if calm else None,
    }


@asynccontextmanager
async def stack(folder: Path) -> AsyncIterator[tuple[Up, Network]]:
    """A stack whose connections run through links; nothing of it is left afterwards."""
    data = folder / "data"
    network = Network(lambda name: int(json.loads((data / "ports.json").read_text())[name]))
    async with AsyncExitStack() as exits:
        await network.open()
        exits.push_async_callback(network.close)
        settings = SETTINGS | {LINK_PORTS: json.dumps(network.ports)}
        up = Up(data, free_ports(1)[0], settings, module="tests.faults.up")
        exits.push_async_callback(_end, up)
        up.launch()
        await up.ready()
        yield up, network


async def _end(up: Up) -> None:
    family = up.family()
    await up.stop()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, GONE_WITHIN_S)
    assert not alive, f"left behind: {alive}"


async def _progress(town: Town, chaos: Chaos, say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(PROGRESS_EVERY_S)
        calls = [call for tenant in town.tenants for call in tenant.calls]
        fates = Counter(call.fate for call in calls if call.ended_s is not None)
        hits = [counts.total() for counts in (chaos.kills, chaos.pauses, chaos.isolations)]
        say(
            f"{town.requests} requests; {fates[Fate.ACCEPTED]} accepted, {fates[Fate.REFUSED]} "
            f"refused, {fates[Fate.UNKNOWN]} unknown; "
            f"{hits[0]} kills, {hits[1]} pauses, {hits[2]} isolations"
        )


def undisturbed(tenants: list[Tenant], chaos: Chaos) -> list[tuple[float, Call]]:
    """The accepted calls that no fault touched, and how many ms each took, fastest first."""
    took = [
        (1000 * (call.ended_s - call.sent_s), call)
        for tenant in tenants
        for call in tenant.of(Wish.ADD, Wish.RUN, Wish.REGENERATE, fate=Fate.ACCEPTED)
        if call.ended_s is not None and chaos.was_calm(call.sent_s, call.ended_s)
    ]
    return sorted(took, key=lambda one: one[0])
