"""People: who is there, and which run has them."""

from dataclasses import fields, replace
from typing import Any

import pytest
import sqlalchemy.exc

from libs.work.run import RunState
from services.research.domain import Person, PersonStatus
from services.research.ports import PersonAfter, ResearchStore
from tests.integration.stores.rows import at, person, report, research_run, source
from tests.integration.stores.stage import Stage

P = PersonStatus
Research = Stage[ResearchStore]

FULL: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Lövelace",
    "linkedin_url": "https://www.linkedin.com/in/ada",
    "linkedin_slug": "ada",
    "role": "Analyst",
    "company": "Example",
    "company_domain": "example.com",
    "company_website": "https://example.com",
    "photo_url": "https://example.com/ada.png",
    "last_enriched_at": at(3),
    "created_at": at(1),
    "updated_at": at(2),
}


async def have(research: Research, *people: Person) -> None:
    """Commits people."""
    await research.run(lambda tx: tx.store.insert_people(people))


async def read(research: Research, id_: str = "person") -> Person | None:
    """A person as they are committed."""
    return (await research.run(lambda tx: tx.store.people([id_]))).get(id_)


async def test_people_come_back_as_they_were_inserted(research: Research) -> None:
    full, plain = person("full", "run_1", **FULL), person("plain", status=P.FAILED)
    assert {name for name in FULL if getattr(full, name) == getattr(plain, name)} == set()
    assert FULL.keys() | {"id", "user_id", "status", "active_run_id"} == {
        field.name for field in fields(Person)
    }
    await have(research, full, plain)
    for each in (full, plain):
        assert await read(research, each.id) == each
    locked = await research.run(lambda tx: tx.store.lock_people(["plain", "full"]))
    assert locked == {"full": full, "plain": plain}
    assert {type(each.status) for each in locked.values()} == {PersonStatus}


async def test_only_the_people_that_there_are_are_answered(research: Research) -> None:
    one, two = person("one"), person("two")
    await have(research, one, two)
    async with research.begin() as tx:
        assert await tx.store.people([]) == await tx.store.lock_people([]) == {}
        assert await tx.store.people({"none"}) == await tx.store.lock_people({"none"}) == {}
        wanted = ["two", "none", "one", "two"]
        assert await tx.store.people(wanted) == {"one": one, "two": two}
        locked = await tx.store.lock_people(wanted)
        assert locked == {"one": one, "two": two}
        assert list(locked) == ["one", "two"]


async def test_inserting_answers_the_runs_that_brought_somebody(research: Research) -> None:
    async with research.begin() as tx:
        assert await tx.store.insert_people([]) == set()
        won = await tx.store.insert_people([person("one", "run_1"), person("two", "run_2")])
        assert won == {"run_1", "run_2"}
        assert await tx.store.insert_people([person("three")]) == set()
    assert await read(research, "three") == person("three")


async def test_a_person_that_is_there_is_not_inserted_again(research: Research) -> None:
    await have(research, person(first_name="Ada"))
    async with research.begin() as tx:
        assert await tx.store.insert_people([person("person", "run_1")]) == set()
    assert await read(research) == person(first_name="Ada")


async def test_a_user_has_a_profile_once(research: Research) -> None:
    await have(research, person("first", linkedin_slug="ada"))
    async with research.begin() as tx:
        won = await tx.store.insert_people(
            [
                person("again", "run_1", linkedin_slug="ada"),
                person("other", "run_2", linkedin_slug="bob"),
                person("foreign", "run_3", linkedin_slug="ada", user_id="bob"),
                person("unlinked_1", "run_4"),
                person("unlinked_2", "run_5"),
            ]
        )
        assert won == {"run_2", "run_3", "run_4", "run_5"}
    assert await read(research, "again") is None


async def test_of_two_in_a_call_one_is_inserted(research: Research) -> None:
    async with research.begin() as tx:
        won = await tx.store.insert_people(
            [
                person("b", "run_b", linkedin_slug="ada"),
                person("a", "run_a", linkedin_slug="ada"),
                person("same", "run_1"),
                person("same", "run_2"),
            ]
        )
        # They are inserted in the order of user, profile and id.
        assert won == {"run_a", "run_1"}
        assert (await tx.store.people(["same"]))["same"].active_run_id == "run_1"
        assert await tx.store.people(["b"]) == {}


@pytest.mark.parametrize("status", [P.IDLE, P.FAILED, P.COMPLETE])
async def test_a_run_starts_on_a_person_that_no_run_has(
    research: Research, status: PersonStatus
) -> None:
    before = person(status=status, **FULL)
    await have(research, before, person("other"))
    unlike = replace(before, active_run_id="run_1", first_name="Eve", role=None, created_at=at(9))
    assert await research.run(lambda tx: tx.store.start_people([unlike], at(5))) == {"run_1"}
    assert await read(research) == replace(
        before, status=P.RUNNING, active_run_id="run_1", updated_at=at(5)
    )
    assert await read(research, "other") == person("other")


async def test_no_run_starts_on_a_person_that_a_run_has(research: Research) -> None:
    await have(research, person("person", "run_1"), person("free"))
    async with research.begin() as tx:
        assert await tx.store.start_people([], at(5)) == set()
        won = await tx.store.start_people(
            [person("person", "run_2"), person("free", "run_3"), person("none", "run_4")], at(5)
        )
        assert won == {"run_3"}
        assert await tx.store.start_people([person("person", "run_1")], at(5)) == set()
    assert await read(research) == person("person", "run_1")


async def test_of_two_runs_in_a_call_one_starts(research: Research) -> None:
    await have(research, person())
    wanted = [person("person", "run_1"), person("person", "run_2")]
    won = await research.run(lambda tx: tx.store.start_people(wanted, at(5)))
    found = await read(research)
    assert found is not None
    assert won in ({"run_1"}, {"run_2"})
    assert won == {found.active_run_id}


@pytest.mark.parametrize("status", [P.IDLE, P.FAILED, P.COMPLETE])
async def test_an_ended_run_gives_its_person_back(research: Research, status: PersonStatus) -> None:
    running = person("person", "run_1", **FULL)
    await have(research, running)
    async with research.begin() as tx:
        await tx.store.release_people([], at(5))
        await tx.store.release_people([PersonAfter("person", "run_1", status)], at(5))
    assert await read(research) == replace(
        running, status=status, active_run_id=None, updated_at=at(5)
    )


async def test_a_run_gives_back_only_what_it_has(research: Research) -> None:
    await have(research, person("person", "run_1"), person("free"))
    async with research.begin() as tx:
        for status in (P.IDLE, None):
            after = [PersonAfter(id_, "run_2", status) for id_ in ("person", "free", "none")]
            await tx.store.release_people(after, at(5))
    assert await read(research) == person("person", "run_1")
    assert await read(research, "free") == person("free")


async def test_people_stay_and_go_in_one_call(research: Research) -> None:
    brought = person("brought", "run_1", linkedin_slug="ada")
    await have(research, brought, person("known", "run_2"))
    async with research.begin() as tx:
        await tx.store.insert_report(research_run("run_0", "brought"), 1, report(), None, at(0))
        await tx.store.release_people(
            [PersonAfter("brought", "run_1", None), PersonAfter("known", "run_2", P.IDLE)], at(5)
        )
    assert await read(research, "brought") is None
    assert await read(research, "known") == person("known", updated_at=at(5))
    assert await research.run(lambda tx: tx.store.newest_report("brought")) is None
    # Their profile is free again.
    again = replace(brought, id="again")
    assert await research.run(lambda tx: tx.store.insert_people([again])) == {"run_1"}


@pytest.mark.parametrize("how", ["insert", "start", "release"])
async def test_a_person_is_running_exactly_while_a_run_has_them(
    research: Research, how: str
) -> None:
    await have(research, person("free"), person("taken", "run_1"))
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="running_has_a_run"):
        async with research.begin() as tx:
            match how:
                case "insert":
                    await tx.store.insert_people([person("new", status=P.RUNNING)])
                case "start":
                    await tx.store.start_people([person("free")], at(5))
                case "release":
                    after = PersonAfter("taken", "run_1", P.RUNNING)
                    await tx.store.release_people([after], at(5))
    assert await read(research, "free") == person("free")
    assert await read(research, "taken") == person("taken", "run_1")


async def test_a_report_may_tell_the_role(research: Research) -> None:
    before = person("person", "run_1", role="Analyst")
    await have(research, before, person("other"))
    await research.run(lambda tx: tx.store.enrich_person("person", None, at(5)))
    assert await read(research) == replace(before, last_enriched_at=at(5))
    await research.run(lambda tx: tx.store.enrich_person("person", "Director", at(6)))
    assert await read(research) == replace(before, role="Director", last_enriched_at=at(6))
    await research.run(lambda tx: tx.store.enrich_person("none", "Director", at(6)))
    assert await read(research, "other") == person("other")


async def test_of_a_deleted_person_nothing_personal_stays(research: Research) -> None:
    run = research_run("run_1", error_message="https://example.com/ada", error_code="code")
    kept = research_run("run_2", "other", error_message="https://example.com/bob")
    await have(research, person(linkedin_slug="ada"), person("other"))
    async with research.begin() as tx:
        await tx.store.insert_runs([run, kept, research_run("run_3", state=RunState.FAILED)])
        for of in (run, kept):
            await tx.store.record_source(of.id, source("src_1"))
            await tx.store.insert_report(of, 1, report(), None, at(0))
    async with research.begin() as tx:
        await tx.store.delete_person("none")
        await tx.store.delete_person("person")
    async with research.begin() as tx:
        assert await tx.store.people(["person", "other"]) == {"other": person("other")}
        assert await tx.store.lock_runs(["run_1", "run_2", "run_3"]) == {
            "run_1": replace(run, error_message=None),
            "run_2": kept,
            "run_3": research_run("run_3", state=RunState.FAILED),
        }
        assert await tx.store.sources("run_1") == []
        assert await tx.store.newest_report("person") is None
        assert await tx.store.source_texts("run_2") == {"src_1": source("src_1").text}
        assert await tx.store.newest_report("other") == (1, report())
        again = person("again", "run_4", linkedin_slug="ada")
        assert await tx.store.insert_people([again]) == {"run_4"}
