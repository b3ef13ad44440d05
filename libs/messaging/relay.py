"""The relay: the one module that publishes.

It publishes right after a commit what the unit emitted (the fast path), and
sweeps the outbox for what a crash left behind. A message is published at
least once; its consumers make it once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

import structlog

from libs.contracts.envelope import Message
from libs.contracts.topics import MESSAGE_TYPES
from libs.messaging.bus import Ack, Bus, Outgoing
from libs.messaging.unit import Unit, Units

log = structlog.get_logger()

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)

SWEEP_EVERY = timedelta(seconds=1)
SWEEP_AFTER = timedelta(seconds=5)
"""How old an unsent row must be before the sweep takes it for left behind."""
SWEEP_MOST = 500


async def publish(bus: Bus, messages: Sequence[Outgoing]) -> list[Ack]:
    """Publishes messages that have no outbox: a gateway's commands, a worker's findings."""
    return await bus.publish(messages)


Dispatch = Callable[[Unit[S], Sequence[Message]], Awaitable[None]]
"""Told in a unit of work what became of messages; their rows are removed in the same unit."""


@dataclass(frozen=True, slots=True)
class Watch(Generic[S_contra]):
    """What to do when messages of a type were acknowledged, and when they were not."""

    acknowledged: Dispatch[S_contra]
    not_acknowledged: Dispatch[S_contra]


class Relay(Generic[S]):
    """Publishes what the units of one service emit.

    `watched` names the message types whose fate the saga waits for. A watched
    message that is refused or not acknowledged in time is withdrawn; any other
    stays in the outbox until a sweep gets it through.
    """

    sweep_every: timedelta = SWEEP_EVERY

    def __init__(
        self,
        units: Units[S],
        bus: Bus,
        watched: Mapping[str, Watch[S]] | None = None,
    ) -> None:
        self._units = units
        self._bus = bus
        self._watched = dict(watched or {})
        self._published: list[str] = []
        self._wake = asyncio.Event()
        self._at_work = asyncio.Lock()
        units.outlet.on_put = self._wake.set

    async def run(self) -> None:
        """Publishes until cancelled."""
        loop = asyncio.get_running_loop()
        next_sweep = loop.time() + self.sweep_every.total_seconds()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_sweep - loop.time())):
                    await self._wake.wait()
            self._wake.clear()
            async with self._at_work:
                if loop.time() >= next_sweep:
                    next_sweep = loop.time() + self.sweep_every.total_seconds()
                    await self._guarded(self.sweep)
                # Once, not until nothing is left: under steady traffic there always is something.
                await self._guarded(self._publish_waiting)

    async def finish(self) -> None:
        """Publishes what was committed and removes its rows, so that nothing is left behind.

        Called when nothing commits any more (consumers and other loops have ended), and before
        `run` is cancelled: it is not to be cut off between a publish and the unit that tells
        of it.
        """
        async with self._at_work:
            await self.drain()
            await self.sweep()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Nothing that fails here is lost: durable messages are still in the outbox."""
        try:
            await work()
        except Exception as error:
            log.warning("relay: will try again", error=repr(error))
            await asyncio.sleep(0.2)

    async def drain(self) -> None:
        """Publishes all that has been committed, and what follows from its being published."""
        while len(self._units.outlet):
            await self._publish_waiting()

    async def _publish_waiting(self) -> None:
        if messages := self._units.outlet.take():
            await self._publish(messages)

    async def sweep(self) -> None:
        """Removes the rows of what was published and publishes what was left behind."""
        published, self._published = self._published, []
        async with self._units.begin() as unit:
            if published:
                await unit.outbox.remove(published)
            stale = await unit.outbox.stale(unit.now - SWEEP_AFTER, SWEEP_MOST)
        if stale:
            log.info("relay: publishing what was left behind", messages=len(stale))
            await self._publish(stale)

    async def _publish(self, messages: Sequence[Outgoing]) -> None:
        acks = await self._bus.publish(messages)
        watched: dict[tuple[str, bool], list[Outgoing]] = {}
        for message, ack in zip(messages, acks, strict=True):
            if message.type in self._watched:
                watched.setdefault((message.type, ack is Ack.ACKNOWLEDGED), []).append(message)
            elif message.durable and ack is Ack.ACKNOWLEDGED:
                # Removed by the next sweep: a crash before that publishes it once more.
                self._published.append(message.id)
        for (message_type, acknowledged), group in watched.items():
            watch = self._watched[message_type]
            told = watch.acknowledged if acknowledged else watch.not_acknowledged
            model = MESSAGE_TYPES[message_type]
            async with self._units.begin() as unit:
                await told(unit, [model.model_validate_json(message.value) for message in group])
                await unit.outbox.remove([message.id for message in group])
