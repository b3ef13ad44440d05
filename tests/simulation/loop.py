"""Simulated time: many processes, each with an event loop of its own, on one queue of events.

Nothing waits: when no process can go on, the time jumps to the next timer. A process
can be killed between any two awaits (its loop never runs again) or paused (its
events wait until it goes on), as SIGKILL and SIGSTOP do it.
"""

import asyncio
import contextvars
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from typing import Any


class Handle:
    """A callback that is due; the part of `asyncio.TimerHandle` that asyncio uses."""

    __slots__ = ("args", "callback", "cancelled", "context", "loop", "when_s")

    def __init__(
        self,
        loop: "ProcessLoop",
        when_s: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        self.loop = loop
        self.when_s = when_s
        self.callback = callback
        self.args = args
        self.context = context or contextvars.copy_context()
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def when(self) -> float:
        return self.when_s


class Agenda:
    """The one queue of events of all processes, and the time, in seconds since the start."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._count = 0

    def push(self, handle: Handle) -> None:
        self._ready.append(handle)

    def push_at(self, handle: Handle) -> None:
        self._count += 1
        heappush(self._timers, (handle.when_s, self._count, handle))

    def run(self, until_s: float, done: Callable[[], bool] = lambda: False) -> None:
        """Lets everything happen up to a time, or until `done` when time is about to move."""
        ready, timers = self._ready, self._timers
        set_loop = events._set_running_loop
        try:
            while True:
                while ready:
                    handle = ready.popleft()
                    loop = handle.loop
                    if handle.cancelled or loop.dead:
                        continue
                    if loop.parked is not None:
                        loop.parked.append(handle)
                        continue
                    set_loop(loop)
                    handle.context.run(handle.callback, *handle.args)
                set_loop(None)
                if not timers or timers[0][0] > until_s or done():
                    self.now_s = max(self.now_s, min(until_s, timers[0][0] if timers else until_s))
                    return
                self.now_s = timers[0][0]
                while timers and timers[0][0] <= self.now_s:
                    ready.append(heappop(timers)[2])
        finally:
            set_loop(None)


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one process."""

    def __init__(self, agenda: Agenda, on_error: Callable[[BaseException], None]) -> None:
        self.dead = False
        self.parked: list[Handle] | None = None
        self._agenda = agenda
        self._on_error = on_error

    def kill(self) -> None:
        """Nothing of this process ever runs again."""
        self.dead = True
        self.parked = None

    def pause(self) -> None:
        self.parked = []

    def resume(self) -> None:
        """Everything that came due meanwhile is due now."""
        if self.dead:
            return
        parked, self.parked = self.parked or [], None
        for handle in parked:
            self._agenda.push(handle)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """A task of this process, from outside of it."""
        return asyncio.Task(work, loop=self)

    # What asyncio asks of a loop.

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(self, 0.0, callback, args, context)
        self._agenda.push(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        return self.call_at(self._agenda.now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(self, when, callback, args, context)
        self._agenda.push_at(handle)
        return handle

    def time(self) -> float:
        return self._agenda.now_s

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: Any = None
    ) -> "asyncio.Task[Any]":
        return asyncio.Task(coro, loop=self, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not self.dead:
            self._on_error(error)
