"""Several transactions that want the same person, profile or report."""

from dataclasses import replace

import pytest
import sqlalchemy.exc

from services.research.domain import PersonStatus
from services.research.ports import PersonAfter, ResearchStore
from tests.integration.stores.rows import NOW, at, person, report, research_run
from tests.integration.stores.stage import MANY, Stage, Work

P = PersonStatus
Research = Stage[ResearchStore]


def starting(run: str) -> Work[ResearchStore, set[str]]:
    return lambda tx: tx.store.start_people([person("person", run)], at(1))


def bringing(id_: str, run: str) -> Work[ResearchStore, set[str]]:
    arriving = person(id_, run, linkedin_slug="ada")
    return lambda tx: tx.store.insert_people([arriving])


def writing(run: str) -> Work[ResearchStore, None]:
    return lambda tx: tx.store.insert_report(research_run(run), 1, report(run), None, NOW)


async def test_of_many_runs_one_starts(research: Research) -> None:
    await research.run(lambda tx: tx.store.insert_people([person()]))
    won = await research.at_once([starting(f"run_{number}") for number in range(MANY)])
    [winner] = set().union(*won)
    assert sum(map(len, won)) == 1
    found = await research.run(lambda tx: tx.store.people(["person"]))
    assert found["person"].active_run_id == winner


@pytest.mark.parametrize("commits", [True, False])
async def test_a_start_waits_for_the_one_before_it(research: Research, commits: bool) -> None:
    await research.run(lambda tx: tx.store.insert_people([person()]))
    async with research.ending(commits) as first:
        assert await starting("run_1")(first) == {"run_1"}
        second = await research.blocked(starting("run_2"))
    assert await second == (set() if commits else {"run_2"})


async def test_a_person_is_taken_until_their_release_is_committed(research: Research) -> None:
    await research.run(bringing("person", "run_1"))
    async with research.begin() as first:
        await first.store.release_people([PersonAfter("person", "run_1", P.IDLE)], at(1))
        assert await research.run(starting("run_2")) == set()
    assert await research.run(starting("run_2")) == {"run_2"}


async def test_releasing_a_person_waits_and_then_looks_again(research: Research) -> None:
    await research.run(lambda tx: tx.store.insert_people([person("person", "run_1")]))
    async with research.begin() as first:
        await first.store.release_people([PersonAfter("person", "run_1", P.COMPLETE)], at(1))
        await first.store.start_people([person("person", "run_2")], at(2))
        second = await research.blocked(
            lambda tx: tx.store.release_people([PersonAfter("person", "run_1", None)], at(3))
        )
    await second
    assert await research.run(lambda tx: tx.store.people(["person"])) == {
        "person": person("person", "run_2", updated_at=at(2))
    }


async def test_a_run_whose_start_is_not_committed_gives_nothing_back(research: Research) -> None:
    await research.run(lambda tx: tx.store.insert_people([person()]))
    async with research.begin() as first:
        await first.store.start_people([person("person", "run_1")], at(1))
        await research.run(
            lambda tx: tx.store.release_people([PersonAfter("person", "run_1", None)], at(3))
        )
    found = await research.run(lambda tx: tx.store.people(["person"]))
    assert found == {"person": person("person", "run_1", updated_at=at(1))}


async def test_of_many_people_with_one_profile_one_is_inserted(research: Research) -> None:
    won = await research.at_once([bringing(f"p{n}", f"run_{n}") for n in range(MANY)])
    [winner] = set().union(*won)
    assert sum(map(len, won)) == 1
    found = await research.run(lambda tx: tx.store.people([f"p{n}" for n in range(MANY)]))
    assert [each.active_run_id for each in found.values()] == [winner]


@pytest.mark.parametrize("id_", ["other", "person"])
@pytest.mark.parametrize("commits", [True, False])
async def test_an_insert_waits_for_the_one_before_it(
    research: Research, id_: str, commits: bool
) -> None:
    async with research.ending(commits) as first:
        assert await bringing("person", "run_1")(first) == {"run_1"}
        second = await research.blocked(bringing(id_, "run_2"))
    assert await second == (set() if commits else {"run_2"})


async def test_a_profile_is_free_once_its_person_has_gone(research: Research) -> None:
    await research.run(bringing("person", "run_1"))
    async with research.begin() as first:
        await first.store.release_people([PersonAfter("person", "run_1", None)], at(1))
        second = await research.blocked(bringing("other", "run_2"))
    assert await second == {"run_2"}


async def test_an_insert_waits_while_the_known_person_changes(research: Research) -> None:
    await research.run(bringing("person", "run_1"))
    async with research.begin() as first:
        await first.store.enrich_person("person", "Analyst", at(1))
        second = await research.blocked(bringing("other", "run_2"))
    assert await second == set()


async def test_an_insert_does_not_wait_for_a_known_person_that_is_only_locked(
    research: Research,
) -> None:
    await research.run(bringing("person", "run_1"))
    async with research.begin() as first:
        await first.store.lock_people(["person"])
        assert await research.run(bringing("other", "run_2")) == set()
        assert await research.run(bringing("person", "run_2")) == set()


async def test_profiles_are_inserted_in_their_order(research: Research) -> None:
    """So two that bring the same profiles wait for each other and never deadlock."""

    def all_of(slugs: str, prefix: str) -> Work[ResearchStore, set[str]]:
        arriving = [person(prefix + slug, prefix + slug, linkedin_slug=slug) for slug in slugs]
        return lambda tx: tx.store.insert_people(arriving)

    async with research.begin() as first:
        await all_of("b", "1")(first)
        second = await research.blocked(all_of("cba", "2"))
        assert await research.run(all_of("c", "3")) == {"3c"}
        third = await research.blocked(all_of("ab", "4"))
    assert await second == {"2a"}
    assert await third == set()


async def test_who_did_not_get_in_holds_nothing(research: Research) -> None:
    await research.run(bringing("person", "run_1"))
    async with research.begin() as first:
        assert await bringing("other", "run_2")(first) == set()
        assert (await research.run(lambda tx: tx.store.lock_people(["person"]))).keys() == {
            "person"
        }
        unlinked = person("other", "run_3")
        assert await research.run(lambda tx: tx.store.insert_people([unlinked])) == {"run_3"}


@pytest.mark.parametrize("run", ["run_1", "run_2"], ids=["same run", "same version"])
@pytest.mark.parametrize("commits", [True, False])
async def test_a_report_waits_for_the_one_before_it(
    research: Research, run: str, commits: bool
) -> None:
    await research.run(lambda tx: tx.store.insert_people([person()]))

    async with research.ending(commits) as first:
        await writing("run_1")(first)
        second = await research.blocked(writing(run))
    if commits:
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="report"):
            await second
    else:
        await second
        newest = await research.run(lambda tx: tx.store.newest_report("person"))
        assert newest == (1, report(run))


async def test_nobody_writes_a_report_on_a_person_that_goes(research: Research) -> None:
    await research.run(lambda tx: tx.store.insert_people([person()]))
    async with research.begin() as first:
        await first.store.delete_person("person")
        second = await research.blocked(writing("run_1"))
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="reports_person_id_fkey"):
        await second


async def test_deleting_a_person_waits_for_their_runs(research: Research) -> None:
    run = research_run("run_1", error_message="a page")
    await research.run(lambda tx: tx.store.insert_people([person()]))
    await research.run(lambda tx: tx.store.insert_runs([run]))
    async with research.begin() as first:
        await first.store.lock_runs(["run_1"])
        second = await research.blocked(lambda tx: tx.store.delete_person("person"))
        await first.store.save_runs([replace(run, error_message="another page")])
    await second
    found = await research.run(lambda tx: tx.store.lock_runs(["run_1"]))
    assert found["run_1"].error_message is None
