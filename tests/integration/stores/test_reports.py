"""Reports, and the runs that a person can have."""

from dataclasses import replace

import pytest
import sqlalchemy.exc

from libs.work.run import OPEN, RunState
from services.research.ports import ResearchStore
from tests.integration.stores.rows import NOW, person, report, research_run
from tests.integration.stores.stage import Stage

S = RunState
Research = Stage[ResearchStore]


async def have_people(research: Research) -> None:
    await research.run(lambda tx: tx.store.insert_people([person(), person("other")]))


async def insert(research: Research, run: str, version: int, subject: str = "person") -> None:
    of, content = research_run(run, subject), report(run)
    await research.run(lambda tx: tx.store.insert_report(of, version, content, "changes", NOW))


async def test_the_newest_report_is_the_one_with_the_highest_version(research: Research) -> None:
    await have_people(research)
    for run, version in (("run_b", 2), ("run_c", 10), ("run_a", 1)):
        await insert(research, run, version)
    await insert(research, "run_d", 11, "other")
    async with research.begin() as tx:
        assert await tx.store.newest_report("none") is None
        assert await tx.store.newest_report("person") == (10, report("run_c"))


async def test_a_report_may_have_no_changes_to_tell(research: Research) -> None:
    await have_people(research)
    async with research.begin() as tx:
        await tx.store.insert_report(research_run("run_1"), 1, report(), None, NOW)
        assert await tx.store.newest_report("person") == (1, report())


async def test_a_version_is_written_once(research: Research) -> None:
    await have_people(research)
    await insert(research, "run_1", 1)
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_report_per_version"):
        await insert(research, "run_2", 1)
    await insert(research, "run_2", 1, "other")


@pytest.mark.parametrize("subject", ["person", "other"])
async def test_a_run_writes_one_report(research: Research, subject: str) -> None:
    await have_people(research)
    await insert(research, "run_1", 1)
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="report"):
        await insert(research, "run_1", 2, subject)
    assert await research.run(lambda tx: tx.store.newest_report("person")) == (1, report("run_1"))


async def test_a_report_is_about_somebody_who_is_there(research: Research) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="reports_person_id_fkey"):
        await insert(research, "run_1", 1)


@pytest.mark.parametrize("state", sorted(OPEN))
async def test_a_person_has_one_open_run(research: Research, state: RunState) -> None:
    first = research_run("run_1", state=state)
    await research.run(lambda tx: tx.store.insert_runs([first, research_run("run_2")]))
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_open_run_per_person"):
        await research.run(
            lambda tx: tx.store.insert_runs([research_run("run_3", state=S.HOLDING)])
        )
    other = research_run("run_4", "other", state=state)
    await research.run(lambda tx: tx.store.insert_runs([research_run("run_5"), other]))


async def test_a_call_opens_one_run_of_a_person(research: Research) -> None:
    both = [research_run(id_, state=S.HOLDING) for id_ in ("run_1", "run_2")]
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_open_run_per_person"):
        await research.run(lambda tx: tx.store.insert_runs(both))
    assert await research.run(lambda tx: tx.store.lock_runs(["run_1", "run_2"])) == {}


async def test_a_person_can_have_another_run_once_theirs_has_ended(research: Research) -> None:
    first, second = (research_run(id_, state=S.HOLDING) for id_ in ("run_1", "run_2"))
    async with research.begin() as tx:
        await tx.store.insert_runs([first])
        await tx.store.save_runs([replace(first, state=S.QUEUED)])
        await tx.store.save_runs([replace(first, state=S.FAILED)])
        await tx.store.insert_runs([second])
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_open_run_per_person"):
        await research.run(lambda tx: tx.store.save_runs([first]))
