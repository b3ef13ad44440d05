"""Inbox and outbox, used by several transactions at the same time."""

import pytest

from tests.integration.stores.rows import NOW, at, message
from tests.integration.stores.stage import MANY, Stage, Work

Service = Stage[object]


def admitting(ids: str) -> Work[object, set[str]]:
    return lambda tx: tx.inbox.admit(list(ids), NOW)


@pytest.mark.parametrize("commits", [True, False])
async def test_an_id_waits_for_whoever_admitted_it_first(service: Service, commits: bool) -> None:
    async with service.ending(commits) as first:
        assert await first.inbox.admit(["a"], NOW) == {"a"}
        second = await service.blocked(lambda tx: tx.inbox.admit(["a", "b"], NOW))
    assert await second == ({"b"} if commits else {"a", "b"})


async def test_of_many_redeliveries_one_is_admitted(service: Service) -> None:
    admitted = await service.at_once([admitting("abc"), admitting("cba")] * (MANY // 2))
    assert sorted(id_ for ids in admitted for id_ in ids) == ["a", "b", "c"]


async def test_ids_are_admitted_in_their_order(service: Service) -> None:
    """So two that admit the same ids wait for each other and never deadlock."""
    async with service.begin() as first:
        await admitting("b")(first)
        second = await service.blocked(admitting("cba"))
        assert await service.run(admitting("c")) == {"c"}
        third = await service.blocked(admitting("ab"))
    assert await second == {"a"}
    assert await third == set()


async def test_a_repeat_waits_for_nobody_and_nobody_for_it(service: Service) -> None:
    await service.run(lambda tx: tx.inbox.admit(["a"], NOW))
    async with service.begin() as first:
        assert await first.inbox.admit(["a"], NOW) == set()
        assert await service.run(lambda tx: tx.inbox.admit(["a"], NOW)) == set()


async def test_an_id_is_new_once_it_is_forgotten(service: Service) -> None:
    await service.run(lambda tx: tx.inbox.admit(["a"], NOW))
    async with service.begin() as first:
        await first.inbox.forget(at(1))
        second = await service.blocked(lambda tx: tx.inbox.admit(["a"], NOW))
    assert await second == {"a"}


@pytest.mark.parametrize("commits", [True, False])
async def test_one_transaction_at_a_time_sweeps(service: Service, commits: bool) -> None:
    await service.run(lambda tx: tx.outbox.add([message("a")]))
    async with service.ending(commits) as first:
        assert await first.outbox.stale(at(9), 9) == [message("a")]
        assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == []
        assert await first.outbox.stale(at(9), 9) == [message("a")]
    assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == [message("a")]


async def test_a_sweep_does_not_see_what_is_not_committed(service: Service) -> None:
    await service.run(lambda tx: tx.outbox.add([message("old")]))
    async with service.begin() as first:
        await first.outbox.add([message("new")])
        await first.outbox.remove(["old"])
        assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == [message("old")]
    assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == [message("new")]


async def test_what_is_being_withdrawn_is_removed_after_that(service: Service) -> None:
    await service.run(lambda tx: tx.outbox.add([message(id_) for id_ in "ab"]))
    async with service.begin() as first:
        await first.outbox.withdraw("Task", ["run_1"])
        second = await service.blocked(lambda tx: tx.outbox.remove(["a"]))
    await second
    assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == []


async def test_what_is_being_removed_is_withdrawn_if_it_stays(service: Service) -> None:
    await service.run(lambda tx: tx.outbox.add([message(id_) for id_ in "ab"]))
    async with service.ending(commits=False) as first:
        await first.outbox.remove(["a"])
        second = await service.blocked(lambda tx: tx.outbox.withdraw("Task", ["run_1"]))
    await second
    assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == []


async def test_what_is_not_committed_is_neither_withdrawn_nor_removed(service: Service) -> None:
    async with service.begin() as first:
        await first.outbox.add([message("a")])
        await service.run(lambda tx: tx.outbox.withdraw("Task", ["run_1"]))
        await service.run(lambda tx: tx.outbox.remove(["a"]))
    assert await service.run(lambda tx: tx.outbox.stale(at(9), 9)) == [message("a")]
