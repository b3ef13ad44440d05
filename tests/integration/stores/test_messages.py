"""Inbox and outbox."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy.exc

from libs.messaging.bus import Outgoing
from tests.integration.stores.rows import at, message
from tests.integration.stores.stage import Stage

Service = Stage[object]


async def have(service: Service, *messages: Outgoing) -> None:
    """Commits messages."""
    await service.run(lambda tx: tx.outbox.add(messages))


async def unsent(service: Service) -> list[str]:
    """The ids of all messages that are in the outbox, oldest first."""
    return [row.id for row in await service.run(lambda tx: tx.outbox.stale(at(999), 999))]


async def admit(service: Service, ids: Sequence[str], s: float = 0.0) -> set[str]:
    return await service.run(lambda tx: tx.inbox.admit(ids, at(s)))


async def test_an_id_is_admitted_once(service: Service) -> None:
    async with service.begin() as tx:
        assert await tx.inbox.admit([], at(0)) == set()
        assert await tx.inbox.admit(["b", "a", "b"], at(0)) == {"a", "b"}
        assert await tx.inbox.admit(["a"], at(0)) == set()
    assert await admit(service, ["c", "a"]) == {"c"}


async def test_ids_from_before_a_time_are_forgotten(service: Service) -> None:
    await admit(service, ["old"], 0)
    await admit(service, ["new", "old"], 1)
    await service.run(lambda tx: tx.inbox.forget(at(0)))
    assert await admit(service, ["new", "old"], 2) == set()
    await service.run(lambda tx: tx.inbox.forget(at(1)))
    assert await admit(service, ["new", "old"], 2) == {"old"}
    await service.run(lambda tx: tx.inbox.forget(at(9)))
    assert await admit(service, ["new", "old"], 2) == {"new", "old"}


async def test_messages_come_back_as_they_were_added(service: Service) -> None:
    binary = replace(message("b", "kéy", s=1), value=b"\x00\xff", headers={})
    await have(service, binary, message("a"))
    await have(service)
    found = await service.run(lambda tx: tx.outbox.stale(at(9), 9))
    assert found == [message("a"), binary]


async def test_a_row_knows_no_partition(service: Service) -> None:
    await have(service, replace(message("a"), partition=3, durable=False))
    assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == [message("a")]


async def test_an_outbox_row_is_nobody_elses_object(service: Service) -> None:
    headers = {"ce_id": "a"}
    await have(service, replace(message("a"), headers=headers))
    headers["ce_id"] = "other"
    [found] = await service.run(lambda tx: tx.outbox.stale(at(9), 9))
    assert found.headers == {"ce_id": "a"}


async def test_stale_messages_are_those_from_before_a_time_oldest_first(service: Service) -> None:
    await have(service, message("c", s=2), message("a", s=1), message("b", s=1.5))
    await have(service, message("d", s=0))
    async with service.begin() as tx:
        for before, most, ids in (
            (2, 9, ["d", "a", "b"]),
            (9, 9, ["d", "a", "b", "c"]),
            (9, 2, ["d", "a"]),
            (0, 9, []),
            (9, 0, []),
        ):
            assert [row.id for row in await tx.outbox.stale(at(before), most)] == ids


@pytest.mark.parametrize("again", [False, True])
async def test_a_message_id_is_used_once(service: Service, again: bool) -> None:
    await have(service, message("a", "run_1"))
    added = [message("b"), message("b" if again else "a", "run_2")]
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="outbox_pkey"):
        await have(service, *added)
    assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == [message("a", "run_1")]


async def test_messages_that_the_broker_has_are_removed(service: Service) -> None:
    await have(service, *(message(id_) for id_ in "abc"))
    async with service.begin() as tx:
        await tx.outbox.remove([])
        await tx.outbox.remove(["c", "none", "a", "c"])
        await tx.outbox.remove(["a"])
    assert await unsent(service) == ["b"]


async def test_unsent_messages_are_withdrawn_by_type_and_key(service: Service) -> None:
    await have(
        service,
        message("a", "run_1", s=1),
        message("b", "run_1", s=2),
        message("c", "run_2", s=3),
        message("d", "run_3", s=4),
        message("e", "run_1", s=5, type_="Event"),
    )
    async with service.begin() as tx:
        await tx.outbox.withdraw("Task", [])
        await tx.outbox.withdraw("None", ["run_1"])
        await tx.outbox.withdraw("Task", ["none", "run_1", "run_2", "run_1"])
        await tx.outbox.withdraw("Task", ["run_1"])
    assert await unsent(service) == ["d", "e"]
