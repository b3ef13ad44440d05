"""Keeps a set of child processes running, and ends them all.

Ways to end, and who sees to it that nothing stays behind:
- Ctrl-C or SIGTERM: `stop`, in reverse order of the stages.
- the supervisor is killed: the kernel signals every child (see `process.spawn`).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from subprocess import Popen
from typing import Protocol

import psutil

POLL_SECONDS = 0.25
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
STABLE_SECONDS = 30.0
"""A child that ran this long has earned a fast restart again."""
ORPHAN_GRACE_SECONDS = 2.0


class Runnable(Protocol):
    """A program that can be launched again and again."""

    @property
    def process(self) -> Popen[bytes] | None: ...
    def launch(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Child:
    """A program under supervision."""

    name: str
    program: Runnable
    after_restart: Callable[[], Awaitable[None]] | None = None
    """What has to be done once it was started again, not the first time."""


def delay_seconds(deaths_in_a_row: int) -> float:
    """How long to wait before the next start: doubling, with an upper bound."""
    return min(FIRST_DELAY_SECONDS * 2.0 ** (deaths_in_a_row - 1), LONGEST_DELAY_SECONDS)


class Supervisor:
    """Launches children, restarts those that die, stops them all in the end."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stages: list[list[Child]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def launch(self, stage: Sequence[Child]) -> None:
        """Starts children that do not need each other to stop cleanly.

        Call it from the main thread, see `process.spawn`.

        Raises:
            StartError: one of them cannot run here.
        """
        self._stages.append(list(stage))
        for child in stage:
            child.program.launch()

    def watch(self) -> None:
        """From now on each child is started again when it dies."""
        self._tasks = [
            asyncio.create_task(self._keep(child)) for stage in self._stages for child in stage
        ]

    async def stop(self) -> None:
        """Ends all children, the last stage first, and whatever they left behind."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stage in reversed(self._stages):
            await asyncio.gather(*(asyncio.to_thread(child.program.stop) for child in stage))
        await asyncio.to_thread(_end_orphans)

    async def _keep(self, child: Child) -> None:
        deaths = 0
        while True:
            started = time.monotonic()
            code = await _exit_code(child.program)
            deaths = 1 if time.monotonic() - started > STABLE_SECONDS else deaths + 1
            delay = delay_seconds(deaths)
            self._say(f"{child.name} ended ({_describe(code)}); starting again in {delay:.1f} s")
            await asyncio.sleep(delay)
            try:
                child.program.launch()
                if child.after_restart is not None:
                    await child.after_restart()
            except Exception as error:  # whatever it was: one more try is what we are here for
                self._say(f"{child.name} did not come back: {error}")
                child.program.stop()


async def _exit_code(program: Runnable) -> int | None:
    while program.process is not None:
        code = program.process.poll()
        if code is not None:
            return code
        await asyncio.sleep(POLL_SECONDS)
    return None


def _describe(code: int | None) -> str:
    if code is None:
        return "never started"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _end_orphans() -> None:
    """Ends descendants that outlived their parents, such as a browser of a killed worker."""
    left: Sequence[psutil.Process] = psutil.Process().children(recursive=True)
    _, alive = psutil.wait_procs(left, timeout=ORPHAN_GRACE_SECONDS if left else 0)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
