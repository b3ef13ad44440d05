"""Who waits for whom for a row, and what they find then."""

from services.research.domain import Person
from services.research.ports import ResearchStore
from tests.integration.stores.rows import at, person
from tests.integration.stores.stage import Stage, Work

Research = Stage[ResearchStore]


def locking(ids: str) -> Work[ResearchStore, dict[str, Person]]:
    return lambda tx: tx.store.lock_people(list(ids))


async def have(research: Research, *ids: str) -> None:
    await research.run(lambda tx: tx.store.insert_people([person(id_) for id_ in ids]))


async def test_the_second_locker_sees_what_the_first_committed(research: Research) -> None:
    await have(research, "person")
    async with research.begin() as first:
        await first.store.lock_people(["person"])
        second = await research.blocked(lambda tx: tx.store.lock_people(["person"]))
        await first.store.enrich_person("person", "Analyst", at(1))
    assert await second == {"person": person(role="Analyst", last_enriched_at=at(1))}


async def test_the_second_locker_does_not_see_what_was_undone(research: Research) -> None:
    await have(research, "person")
    async with research.ending(commits=False) as first:
        await first.store.enrich_person("person", "Analyst", at(1))
        second = await research.blocked(lambda tx: tx.store.lock_people(["person"]))
    assert await second == {"person": person()}


async def test_the_second_locker_does_not_find_what_is_gone(research: Research) -> None:
    await have(research, "a", "b")
    async with research.begin() as first:
        await first.store.delete_person("a")
        second = await research.blocked(lambda tx: tx.store.lock_people(["a", "b"]))
    assert await second == {"b": person("b")}


async def test_a_row_that_goes_and_comes_again_is_another_one(research: Research) -> None:
    await have(research, "person")
    async with research.begin() as first:
        await first.store.delete_person("person")
        second = await research.blocked(lambda tx: tx.store.lock_people(["person"]))
        await first.store.insert_people([person(role="Another")])
    assert await second == {}


async def test_a_row_that_comes_while_a_statement_waits_is_not_seen(research: Research) -> None:
    await have(research, "a")
    async with research.begin() as first:
        await first.store.lock_people(["a"])
        second = await research.blocked(lambda tx: tx.store.lock_people(["a", "b"]))
        await have(research, "b")
    assert (await second).keys() == {"a"}


async def test_reading_waits_for_nobody(research: Research) -> None:
    await have(research, "person")
    async with research.begin() as tx:
        await tx.store.start_people([person("person", "run_1")], at(1))
        assert await research.run(lambda other: other.store.people(["person"])) == {
            "person": person()
        }


async def test_rows_are_locked_in_the_order_of_their_ids(research: Research) -> None:
    """So two that lock the same rows wait for each other and never deadlock."""
    await have(research, *"abc")
    async with research.begin() as first:
        await locking("b")(first)
        second = await research.blocked(locking("cba"))
        assert (await research.run(locking("c"))).keys() == {"c"}
        third = await research.blocked(locking("ab"))
    assert (await second).keys() == set("abc")
    assert (await third).keys() == set("ab")
