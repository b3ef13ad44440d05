"""Units of work on a real PostgreSQL: what commits together, and who waits for whom."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.contracts.envelope import ReplyAddress
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import ResearchTask
from libs.messaging.bus import Ack, Envelope, Outgoing
from libs.messaging.clock import random_ids
from libs.messaging.inbox import Inbox
from libs.messaging.outbox import Outbox
from libs.messaging.relay import SWEEP_AFTER, Relay
from libs.messaging.router import Received, Route, Router
from libs.messaging.unit import PostgresDatabase, Unit, Units
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from tests.support.memory import START, TRACE, MemoryBus, Time, arriving

envelope = Envelope(source="/test", ids=random_ids)


@pytest_asyncio.fixture
async def engine(database_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    """A database with the tables of credits, which has an inbox and an outbox like any service."""
    url = database_url("credits")
    await asyncio.to_thread(upgrade, "credits", url)
    engine = create_engine(url)
    yield engine
    await engine.dispose()


def units_of(engine: AsyncEngine, time: Time | None = None) -> Units[None]:
    return Units(PostgresDatabase(engine, lambda connection: None), envelope, time or Time())


def task(run: str, at: float = 0.0) -> Outgoing:
    wrapped = envelope.wrap(ResearchTask(run_id=run), now=START, trace=TRACE)
    return replace(wrapped, created_at=START + timedelta(seconds=at))


async def rows(engine: AsyncEngine, table: str) -> set[str]:
    async with engine.connect() as connection:
        found = await connection.execute(sa.text(f"SELECT id FROM {table}"))
        return {row.id for row in found}


async def test_outbox_rows_commit_with_the_unit(engine: AsyncEngine) -> None:
    units = units_of(engine)
    async with units.begin() as unit:
        unit.emit(ResearchTask(run_id="1"), trace=TRACE)
        await unit.inbox.admit(["message"], unit.now)
        assert await rows(engine, "outbox") == await rows(engine, "inbox") == set()
    [sent] = units.outlet.take()
    assert await rows(engine, "outbox") == {sent.id}
    assert await rows(engine, "inbox") == {"message"}


async def test_nothing_of_a_failed_unit_remains(engine: AsyncEngine) -> None:
    units = units_of(engine)
    with pytest.raises(ValueError, match="no"):
        async with units.begin() as unit:
            unit.emit(ResearchTask(run_id="1"), trace=TRACE)
            await unit.inbox.admit(["message"], unit.now)
            raise ValueError("no")
    assert await rows(engine, "outbox") == await rows(engine, "inbox") == set()
    assert len(units.outlet) == 0


async def test_a_reply_has_no_row(engine: AsyncEngine) -> None:
    units = units_of(engine)
    async with units.begin() as unit:
        reply = Reply(run_id="r", outcome=Outcome.ACCEPTED)
        unit.reply(reply, to=ReplyAddress(partition=0, correlation_id="c"), trace=TRACE)
    assert len(units.outlet) == 1
    assert await rows(engine, "outbox") == set()


async def test_an_outbox_row_comes_back_as_it_was(engine: AsyncEngine) -> None:
    message = replace(task("1"), value='{"run_id": "ü\u0000"}'.encode(), key="ключ")
    async with engine.begin() as connection:
        await Outbox(connection).add([message])
    async with engine.begin() as connection:
        assert await Outbox(connection).stale(START + timedelta(seconds=1), 10) == [message]


async def test_stale_rows_are_the_oldest_first_and_bounded(engine: AsyncEngine) -> None:
    messages = [task(str(n), at=n) for n in range(5)]
    async with engine.begin() as connection:
        await Outbox(connection).add(list(reversed(messages)))
        stale = await Outbox(connection).stale(START + timedelta(seconds=4), 3)
        assert [row.key for row in stale] == ["0", "1", "2"]
        everything = await Outbox(connection).stale(START + timedelta(seconds=4), 100)
        assert [row.key for row in everything] == ["0", "1", "2", "3"]


async def test_withdraw_takes_only_unsent_messages_of_that_type_and_key(
    engine: AsyncEngine,
) -> None:
    other_type = replace(task("1"), type="ContextTask")
    messages = [task("1"), task("2"), task("3"), other_type]
    async with engine.begin() as connection:
        outbox = Outbox(connection)
        await outbox.add(messages)
        await outbox.withdraw("ResearchTask", ["1", "2", "none"])
    assert await rows(engine, "outbox") == {messages[2].id, other_type.id}


async def test_one_process_at_a_time_sweeps(engine: AsyncEngine) -> None:
    later = START + timedelta(hours=1)
    async with engine.begin() as connection:
        await Outbox(connection).add([task("1")])
    async with engine.begin() as one, engine.begin() as other:
        assert len(await Outbox(one).stale(later, 10)) == 1
        assert await Outbox(other).stale(later, 10) == []
    async with engine.begin() as connection:
        assert len(await Outbox(connection).stale(later, 10)) == 1


async def test_the_inbox_admits_an_id_once(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await Inbox(connection).admit(["b", "a", "b"], START) == {"a", "b"}
    async with engine.begin() as connection:
        assert await Inbox(connection).admit(["a", "c"], START) == {"c"}
        assert await Inbox(connection).admit([], START) == set()


async def test_the_inbox_forgets_what_is_old(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        inbox = Inbox(connection)
        await inbox.admit(["old"], START)
        await inbox.admit(["new"], START + timedelta(days=1))
        await inbox.forget(START + timedelta(hours=1))
    assert await rows(engine, "inbox") == {"new"}


async def test_of_many_that_admit_the_same_ids_at_once_one_gets_each(engine: AsyncEngine) -> None:
    """In whatever order they name them: nobody deadlocks, and no id is admitted twice."""
    ids = [f"id{n}" for n in range(30)]

    async def admit(turn: int) -> set[str]:
        async with engine.begin() as connection:
            order = ids[turn:] + ids[:turn] if turn % 2 else list(reversed(ids))
            fresh = await Inbox(connection).admit(order, START)
            await asyncio.sleep(0.01)
            return fresh

    admitted = await asyncio.gather(*(admit(turn) for turn in range(10)))
    assert sorted(id_ for fresh in admitted for id_ in fresh) == sorted(ids)


async def test_two_consumers_of_one_message_have_one_effect(engine: AsyncEngine) -> None:
    effects: list[str] = []

    async def handler(unit: Unit[None], group: list[Received[ResearchTask]]) -> None:
        effects.extend(received.message.run_id for received in group)
        await asyncio.sleep(0.05)

    def router() -> Router[None]:
        route = Route((ResearchTask,), handler)  # type: ignore[arg-type]
        return Router(units_of(engine), MemoryBus(), Time(), [route])

    message = arriving(ResearchTask(run_id="1"))
    await asyncio.gather(*(router().handle([message]) for _ in range(5)))
    assert effects == ["1"]


async def test_a_handler_that_failed_once_handles_the_redelivery(engine: AsyncEngine) -> None:
    tries = 0

    async def handler(unit: Unit[None], group: list[Received[ResearchTask]]) -> None:
        nonlocal tries
        tries += 1
        unit.emit(ResearchTask(run_id="2"), trace=TRACE)
        if tries == 1:
            raise TimeoutError("the database was slow")

    units = units_of(engine)
    route = Route((ResearchTask,), handler)  # type: ignore[arg-type]
    router: Router[None] = Router(units, MemoryBus(), Time(), [route])
    await router.handle([arriving(ResearchTask(run_id="1"))])
    assert tries == 2
    assert len(await rows(engine, "outbox")) == 1


async def test_relay_and_outbox_together_lose_nothing(engine: AsyncEngine) -> None:
    time, bus = Time(), MemoryBus()
    units = units_of(engine, time)
    relay: Relay[None] = Relay(units, bus)
    async with units.begin() as unit:
        unit.emit(ResearchTask(run_id="1"), trace=TRACE)
    bus.answer = lambda message: Ack.UNKNOWN
    await relay.drain()
    bus.answer = lambda message: Ack.ACKNOWLEDGED
    await relay.sweep()
    assert len(await rows(engine, "outbox")) == 1
    time.pass_(seconds=SWEEP_AFTER.total_seconds() + 1)
    await relay.sweep()
    await relay.sweep()
    assert await rows(engine, "outbox") == set()
    assert {message.key for message in bus.published} == {"1"}
