"""The relay publishes what was committed, at least once, and tells the saga what became of it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.envelope import Message, ReplyAddress
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import ResearchRunStarted, ResearchTask
from libs.messaging.bus import Ack, Outgoing
from libs.messaging.relay import SWEEP_AFTER, Relay, Watch
from libs.messaging.unit import Unit
from tests.support.memory import TRACE, MemoryBus, MemoryUnits, Time

STALE_S = SWEEP_AFTER.total_seconds() + 1


def task(run: str) -> ResearchTask:
    return ResearchTask(run_id=run)


def started(run: str) -> ResearchRunStarted:
    return ResearchRunStarted(run_id=run, user_id="u", person_id="p")


class Service:
    """Units, a bus and a relay that watches tasks."""

    def __init__(self) -> None:
        self.time = Time()
        self.units: MemoryUnits[None] = MemoryUnits(None, self.time)
        self.bus = MemoryBus()
        self.told: list[tuple[str, list[str]]] = []
        self.then: Callable[[Unit[None]], None] = lambda unit: None
        watch: Watch[Any] = Watch(self._told("acknowledged"), self._told("refused"))
        self.relay: Relay[None] = Relay(self.units, self.bus, {"ResearchTask": watch})

    def _told(self, fate: str) -> Any:
        async def tell(unit: Unit[None], messages: Sequence[Message]) -> None:
            self.told.append((fate, [message.key for message in messages]))
            self.then(unit)

        return tell

    async def emit(self, *messages: Message) -> None:
        async with self.units.begin() as unit:
            for message in messages:
                unit.emit(message, trace=TRACE)


@pytest.fixture
def service() -> Service:
    return Service()


async def test_what_was_committed_is_published_in_order(service: Service) -> None:
    await service.emit(started("1"), started("2"))
    await service.relay.drain()
    assert [message.headers["ce_subject"] for message in service.bus.published] == ["p", "p"]
    assert [b"1" in m.value for m in service.bus.published] == [True, False]


async def test_rows_of_published_messages_go_with_the_next_sweep(service: Service) -> None:
    await service.emit(started("1"))
    await service.relay.drain()
    assert len(service.units.outbox) == 1
    await service.relay.sweep()
    assert service.units.outbox == {}


async def test_a_unit_that_raised_publishes_nothing(service: Service) -> None:
    with pytest.raises(ValueError, match="no"):
        async with service.units.begin() as unit:
            unit.emit(started("1"), trace=TRACE)
            raise ValueError("no")
    await service.relay.drain()
    assert service.bus.published == []


async def test_a_sweep_publishes_what_a_crash_left_behind(service: Service) -> None:
    await service.emit(started("1"))
    service.units.outlet.take()  # the process that committed it is gone
    await service.relay.sweep()
    assert service.bus.published == []  # too young to be left behind
    service.time.pass_(seconds=STALE_S)
    await service.relay.sweep()
    assert service.bus.types == ["ResearchRunStarted"]
    await service.relay.sweep()
    assert service.units.outbox == {}
    assert len(service.bus.published) == 1


@pytest.mark.parametrize("ack", [Ack.REFUSED, Ack.UNKNOWN])
async def test_what_was_not_acknowledged_is_published_again(service: Service, ack: Ack) -> None:
    service.bus.answer = lambda message: ack
    await service.emit(started("1"))
    await service.relay.drain()
    await service.relay.sweep()
    assert len(service.units.outbox) == 1
    service.bus.answer = lambda message: Ack.ACKNOWLEDGED
    service.time.pass_(seconds=STALE_S)
    await service.relay.sweep()
    await service.relay.sweep()
    assert service.bus.published[-1].type == "ResearchRunStarted"
    assert service.units.outbox == {}


async def test_an_acknowledged_task_is_told_and_its_row_goes_at_once(service: Service) -> None:
    await service.emit(task("1"), task("2"))
    await service.relay.drain()
    assert service.told == [("acknowledged", ["1", "2"])]
    assert service.units.outbox == {}


@pytest.mark.parametrize("ack", [Ack.REFUSED, Ack.UNKNOWN])
async def test_a_task_that_does_not_get_through_is_withdrawn(service: Service, ack: Ack) -> None:
    service.bus.answer = lambda message: ack
    await service.emit(task("1"))
    await service.relay.drain()
    assert service.told == [("refused", ["1"])]
    assert service.units.outbox == {}


async def test_fates_of_one_batch_are_told_apart(service: Service) -> None:
    service.bus.answer = lambda m: Ack.REFUSED if m.key == "2" else Ack.ACKNOWLEDGED
    await service.emit(task("1"), task("2"), task("3"), started("4"))
    await service.relay.drain()
    assert sorted(service.told) == [("acknowledged", ["1", "3"]), ("refused", ["2"])]


async def test_what_the_saga_emits_then_is_published_in_the_same_drain(service: Service) -> None:
    service.then = lambda unit: unit.emit(started("1"), trace=TRACE)
    await service.emit(task("1"))
    await service.relay.drain()
    assert service.bus.types == ["ResearchTask", "ResearchRunStarted"]


async def test_a_task_left_behind_is_told_after_a_sweep(service: Service) -> None:
    await service.emit(task("1"))
    service.units.outlet.take()
    service.time.pass_(seconds=STALE_S)
    await service.relay.sweep()
    assert service.told == [("acknowledged", ["1"])]
    assert service.units.outbox == {}


async def test_a_reply_has_no_row_and_is_not_tried_again(service: Service) -> None:
    service.bus.answer = lambda message: Ack.REFUSED
    async with service.units.begin() as unit:
        reply = Reply(run_id="r", outcome=Outcome.ACCEPTED)
        unit.reply(reply, to=ReplyAddress(partition=1, correlation_id="c"), trace=TRACE)
        unit.reply(reply, to=None, trace=TRACE)
    assert len(service.units.outlet) == 1
    assert service.units.outbox == {}
    await service.relay.drain()
    service.time.pass_(seconds=STALE_S)
    await service.relay.sweep()
    assert service.bus.published == []


async def test_nothing_is_lost_when_the_bus_raises(service: Service) -> None:
    def broken(message: Outgoing) -> Ack:
        raise ConnectionError("away")

    service.bus.answer = broken
    await service.emit(started("1"), task("2"))
    with pytest.raises(ConnectionError):
        await service.relay.drain()
    assert service.told == []
    service.bus.answer = lambda message: Ack.ACKNOWLEDGED
    service.time.pass_(seconds=STALE_S)
    await service.relay.sweep()
    assert sorted(service.bus.types) == ["ResearchRunStarted", "ResearchTask"]
    assert service.told == [("acknowledged", ["2"])]


async def test_nothing_is_lost_when_the_saga_cannot_be_told(service: Service) -> None:
    def broken(unit: Unit[None]) -> None:
        raise ConnectionError("database away")

    service.then = broken
    await service.emit(task("1"))
    with pytest.raises(ConnectionError):
        await service.relay.drain()
    assert len(service.units.outbox) == 1
    service.then = lambda unit: None
    service.time.pass_(seconds=STALE_S)
    await service.relay.sweep()
    assert service.told[-1] == ("acknowledged", ["1"])
    assert service.units.outbox == {}


class TestRunning:
    """`run`: the loop around drain and sweep."""

    @pytest.fixture(autouse=True)
    def _often(self, service: Service) -> None:
        service.relay.sweep_every = timedelta(milliseconds=20)

    async def test_a_commit_wakes_it(self, service: Service) -> None:
        async with _running(service):
            await service.emit(started("1"))
            await _until(lambda: service.bus.types == ["ResearchRunStarted"])
            await _until(lambda: service.units.outbox == {})

    async def test_it_goes_on_after_the_bus_has_raised(self, service: Service) -> None:
        def broken(message: Outgoing) -> Ack:
            raise ConnectionError("away")

        service.bus.answer = broken
        async with _running(service):
            await service.emit(started("1"))
            await asyncio.sleep(0.05)
            service.bus.answer = lambda message: Ack.ACKNOWLEDGED
            service.time.pass_(seconds=STALE_S)
            await _until(lambda: service.bus.types == ["ResearchRunStarted"])

    async def test_it_sweeps_while_messages_keep_coming(self, service: Service) -> None:
        """Else the rows of published messages pile up for as long as the service is busy."""
        async with _running(service):
            busy = asyncio.create_task(_emit_forever(service))
            try:
                await asyncio.sleep(0.3)
                oldest = min(int(row.id[1:]) for row in service.units.outbox.values())
                assert oldest > 1, "no sweep has removed anything"
            finally:
                busy.cancel()
                await asyncio.wait([busy])


async def _emit_forever(service: Service) -> None:
    publish = service.bus.publish

    async def slow(messages: Sequence[Outgoing]) -> list[Ack]:
        await asyncio.sleep(0.004)  # as a broker does: more is committed meanwhile
        return await publish(messages)

    service.relay._bus.publish = slow  # type: ignore[method-assign]
    while True:
        await service.emit(started("x"))
        await asyncio.sleep(0.001)


class _running:  # noqa: N801 (reads like a function)
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._service.relay.run())
        await asyncio.sleep(0)

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
