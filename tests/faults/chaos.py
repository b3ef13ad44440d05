"""Does to a stack what a plan says, and knows when nothing was wrong."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import httpx
import psutil

from deploy.local.system import PROCESSES
from tests.e2e import stack
from tests.e2e.stack import Up
from tests.faults.links import Network
from tests.faults.plan import BROKER, POSTGRES, Fault, Kind

PROGRAMS = {process.name: process.module for process in PROCESSES} | {
    BROKER: stack.BROKER,
    POSTGRES: stack.POSTGRES,
}
RECOVERY_S = 3.0
"""How long after everything was ready again the system may still be slower than usual."""
LOOK_EVERY_S = 0.5


class Chaos:
    """Hits the processes of one stack."""

    def __init__(self, up: Up, network: Network, say: Callable[[str], None]) -> None:
        self._up = up
        self._network = network
        self._say = say
        self.kills: Counter[str] = Counter()
        self.pauses: Counter[str] = Counter()
        self.isolations: Counter[str] = Counter()
        self._spells: list[tuple[float, float]] = []
        """From when to when something was wrong, by the clock of the event loop."""

    async def run(self, faults: Sequence[Fault]) -> None:
        """Carries out a plan; returns when the last fault is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def at_its_time(fault: Fault) -> None:
            await asyncio.sleep(began + fault.at_s - loop.time())
            await self._hit(fault)

        await asyncio.gather(*(at_its_time(fault) for fault in faults))

    async def _hit(self, fault: Fault) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._say(str(fault))
        try:
            match fault.kind:
                case Kind.KILL:
                    done = self._kill(fault.process)
                case Kind.PAUSE:
                    done = await self._pause(fault.process, fault.lasts_s)
                case Kind.SEVER | Kind.STALL:
                    done = await self._isolate(fault)
        finally:
            self._spells.append((began, loop.time()))
        if not done:
            self._say(f"{fault.process} did not run: it was not hit")

    def _kill(self, process: str) -> bool:
        family = self._family(process)
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.kills[process] += bool(family)
        return bool(family)

    async def _pause(self, process: str, lasts_s: float) -> bool:
        with contextlib.ExitStack() as suspended:
            family = self._family(process)
            suspended.enter_context(_suspended(family))
            # Whoever was being started meanwhile, such as a server process for a connection.
            young = [one for one in self._family(process) if one not in family]
            suspended.enter_context(_suspended(young))
            await asyncio.sleep(lasts_s)
        self.pauses[process] += bool(family)
        return bool(family)

    async def _isolate(self, fault: Fault) -> bool:
        cut = self._network.sever if fault.kind is Kind.SEVER else self._network.stall
        cut(fault.links)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            self._network.mend(fault.links)
        self.isolations[fault.process] += 1
        return True

    def _family(self, process: str) -> list[psutil.Process]:
        """A process; of Postgres all that the server consists of. Empty while it is down."""
        try:
            found = self._up.find(PROGRAMS[process])
            return [found, *(found.children(recursive=True) if process == POSTGRES else ())]
        except (AssertionError, psutil.NoSuchProcess):
            return []

    async def watch(self) -> None:
        """Until it is cancelled, notes when something is not ready."""
        loop = asyncio.get_running_loop()
        async with httpx.AsyncClient(trust_env=False, timeout=2 * LOOK_EVERY_S) as http:
            while True:
                began = loop.time()
                if not await self._up.all_ready(http):
                    self._spells.append((began, loop.time()))
                await asyncio.sleep(LOOK_EVERY_S)

    def was_calm(self, since: float, until: float) -> bool:
        """Whether nothing was wrong in a time, nor shortly before; to be asked afterwards."""
        return not any(
            began < until and ended > since - RECOVERY_S for began, ended in self._spells
        )


@contextlib.contextmanager
def _suspended(family: Sequence[psutil.Process]) -> Iterator[None]:
    try:
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.suspend()
        yield
    finally:
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.resume()
