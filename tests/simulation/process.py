"""A simulated process: a loop that can die, what it has open, and calls between processes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx
from sqlalchemy.exc import IntegrityError

from libs.messaging.failures import is_transient
from tests.simulation.loop import Agenda, ProcessLoop

CALL_LATENCY_S = 0.002


class Open(Protocol):
    """Something that ends when the process that opened it dies."""

    def abandon(self) -> None: ...


class Process:
    """One process. `crash_in` counts down at its points; at zero it dies right there."""

    def __init__(
        self, name: str, agenda: Agenda, on_error: Callable[[BaseException], None]
    ) -> None:
        self.name = name
        self.loop = ProcessLoop(agenda, on_error)
        self.open: dict[Open, None] = {}  # a set, but in an order that each run repeats
        self.crash_in: int | None = None
        self._on_error = on_error
        self.deaths: list[Callable[[], None]] = []
        """What others do about its death."""

    @property
    def alive(self) -> bool:
        return not self.loop.dead

    def die(self) -> None:
        """SIGKILL: whatever it has open is abandoned, and nothing of it runs any more."""
        if not self.alive:
            return
        self.loop.kill()
        self.crash_in = None
        for each in list(self.open):
            each.abandon()
        self.open.clear()
        for told in self.deaths:
            told()

    def failed(self, error: Exception) -> None:
        """Something in it failed. Only what may pass is no bug: a database that is away, a race
        for a key."""
        if not (is_transient(error) or isinstance(error, IntegrityError | httpx.HTTPError)):
            self._on_error(error)

    async def point(self) -> None:
        """A point between two awaits of interest, where the process may die."""
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.die()
                await self.loop.create_future()  # never: its loop is dead

    async def call(
        self, to: "Process", work: Callable[[], Awaitable[Any]], timeout_s: float
    ) -> Any:
        """An HTTP call of this process to another.

        Raises:
            httpx.ConnectError: the other is dead, or dies before it answers.
            httpx.ReadTimeout: it does not answer in time; it may act all the same.
            httpx.ReadError: it answers that it failed.
        """
        await self.point()
        call = _Call(self, to)
        if not to.alive:
            raise httpx.ConnectError(f"{to.name} is not there")
        timer = self.loop.call_later(timeout_s, call.time_out)
        to.open[call] = None
        to.loop.call_later(CALL_LATENCY_S, call.begin, work)
        try:
            answer = await call.answer
            await self.point()
            return answer
        finally:
            timer.cancel()
            to.open.pop(call, None)


class _Call:
    """A call under way."""

    def __init__(self, caller: Process, callee: Process) -> None:
        self._callee = callee
        self.answer: asyncio.Future[Any] = caller.loop.create_future()

    def begin(self, work: Callable[[], Awaitable[Any]]) -> None:
        self._callee.loop.spawn(self._answer(work))

    async def _answer(self, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            result = await work()
        except Exception as error:
            self._callee.failed(error)
            self.fail(httpx.ReadError(f"{self._callee.name} failed: {error!r}"))
        else:
            if not self.answer.done():
                self.answer.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def time_out(self) -> None:
        self.fail(httpx.ReadTimeout(f"no answer of {self._callee.name} in time"))

    def abandon(self) -> None:
        self.fail(httpx.ConnectError(f"{self._callee.name} has died"))
