"""The end of a relay: nothing that was committed is left to a sweep."""

import asyncio
from collections.abc import Sequence
from typing import Any

from libs.contracts.envelope import Message
from libs.contracts.research import ResearchRunStarted, ResearchTask
from libs.messaging.bus import Ack, Outgoing
from libs.messaging.relay import Relay, Watch
from libs.messaging.unit import Unit
from tests.support.memory import TRACE, MemoryBus, MemoryUnits, Time


class SlowBus(MemoryBus):
    """Publishes when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]:
        self.begun.set()
        await self.let_go.wait()
        return await super().publish(messages)


async def started(unit: Unit[Any], tasks: Sequence[Message]) -> None:
    """A dispatched run says so."""
    for task in tasks:
        unit.emit(ResearchRunStarted(run_id=task.key, user_id="u", person_id="p"), trace=TRACE)


async def test_a_publish_under_way_and_all_that_follows_from_it_get_done() -> None:
    units: MemoryUnits[None] = MemoryUnits(None, Time())
    bus = SlowBus()
    relay: Relay[None] = Relay(units, bus, {"ResearchTask": Watch(started, started)})
    running = asyncio.create_task(relay.run())
    async with units.begin() as unit:
        unit.emit(ResearchTask(run_id="1"), trace=TRACE)
    await bus.begun.wait()
    finishing = asyncio.create_task(relay.finish())
    await asyncio.sleep(0.01)
    assert not finishing.done()
    bus.let_go.set()
    await finishing
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [message.type for message in bus.published] == ["ResearchTask", "ResearchRunStarted"]
    assert units.outbox == {}
