"""Several transactions that want the same run, or what it is about."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy.exc

from libs.work.run import RunState
from services.research.ports import ResearchStore
from tests.integration.stores.kinds import Runs, RunsStore
from tests.integration.stores.rows import at, research_run, source
from tests.integration.stores.stage import Stage, Work

S = RunState
Research = Stage[ResearchStore]


def locking(ids: str, *, to_end: bool = False) -> Work[RunsStore, dict[str, Any]]:
    return lambda tx: tx.store.lock_runs(list(ids), to_end=to_end)


async def test_the_second_locker_of_a_run_sees_what_the_first_committed(runs: Runs) -> None:
    before = runs.kind.make("run", state=S.QUEUED)
    after = replace(before, state=S.WORKING, token="mine")
    await runs.have(before)
    async with runs.stage.begin() as first:
        await runs.lock(first, "run")
        second = await runs.stage.blocked(lambda tx: tx.store.lock_runs(["run"]))
        await first.store.save_runs([after])
        assert await runs.read("run") == before
    assert await second == {"run": after}


async def test_locking_does_not_see_runs_that_are_not_committed(runs: Runs) -> None:
    async with runs.stage.begin() as first:
        await first.store.insert_runs([runs.kind.make("run")])
        assert await runs.stage.run(lambda tx: tx.store.lock_runs(["run"])) == {}
        assert await runs.read("run") is None


async def test_saving_waits_for_the_lock(runs: Runs) -> None:
    run = runs.kind.make("run", step="first")
    await runs.have(run)
    async with runs.stage.begin() as first:
        await runs.lock(first, "run")
        saved = replace(run, step="second")
        second = await runs.stage.blocked(lambda tx: tx.store.save_runs([saved]))
        await first.store.save_runs([replace(run, attempt=9)])
    await second
    assert await runs.read("run") == saved


async def test_ending_runs_locks_what_they_are_about(runs: Runs) -> None:
    await runs.stage.run(lambda tx: runs.kind.add_subject(tx.store, "subject"))
    await runs.have(runs.kind.make("run", "subject"))
    async with runs.stage.begin() as first:
        await runs.kind.lock_subject(first.store, "subject")
        assert (await runs.stage.run(lambda tx: tx.store.lock_runs(["run"]))).keys() == {"run"}
        second = await runs.stage.blocked(lambda tx: tx.store.lock_runs(["run"], to_end=True))
        # It locks what its runs are about first: the run itself is still free.
        assert (await runs.stage.run(lambda tx: tx.store.lock_runs(["run"]))).keys() == {"run"}
    assert (await second).keys() == {"run"}


async def test_what_ended_runs_are_about_stays_locked(runs: Runs) -> None:
    await runs.stage.run(lambda tx: runs.kind.add_subject(tx.store, "subject"))
    await runs.have(runs.kind.make("run", "subject"))
    async with runs.stage.begin() as first:
        await first.store.lock_runs(["run"], to_end=True)
        second = await runs.stage.blocked(lambda tx: runs.kind.lock_subject(tx.store, "subject"))
    assert (await second).keys() == {"subject"}


async def test_a_heartbeat_waits_and_then_looks_again(runs: Runs) -> None:
    leased = runs.kind.make("run", state=S.WORKING, token="mine")
    await runs.have(leased)
    for changes, kept in (({"step": "reading"}, True), ({"token": "other"}, False)):
        async with runs.stage.begin() as first:
            await first.store.save_runs([replace(leased, **changes)])
            second = await runs.stage.blocked(lambda tx: tx.store.heartbeat("run", "mine", at(5)))
        assert await second is kept
    assert await runs.read("run") == replace(leased, token="other")


async def test_a_lease_that_is_not_committed_is_none(runs: Runs) -> None:
    queued = runs.kind.make("run", state=S.QUEUED)
    await runs.have(queued)
    async with runs.stage.begin() as first:
        await first.store.save_runs([replace(queued, state=S.WORKING, token="mine")])
        assert not await runs.stage.run(lambda tx: tx.store.heartbeat("run", "mine", at(5)))


async def test_looking_for_overdue_runs_waits_for_nobody(runs: Runs) -> None:
    run = runs.kind.make("run", due_at=at(0))
    await runs.have(run)
    async with runs.stage.begin() as first:
        await first.store.save_runs([replace(run, due_at=at(50))])
        await first.store.insert_runs([runs.kind.make("new", due_at=at(0))])
        assert await runs.stage.run(lambda tx: tx.store.overdue(at(9), 9)) == ["run"]


async def test_a_page_that_two_attempts_record_is_the_later_ones(runs: Runs) -> None:
    async with runs.stage.begin() as first:
        await first.store.record_source("run", source("src_1", "First."))
        second = await runs.stage.blocked(
            lambda tx: tx.store.record_source("run", source("src_1", "Second."))
        )
        assert await runs.stage.run(lambda tx: tx.store.sources("run")) == []
    await second
    found = await runs.stage.run(lambda tx: tx.store.source_texts("run"))
    assert found == {"src_1": "Second."}


@pytest.mark.parametrize("to_end", [False, True])
async def test_runs_are_locked_in_the_order_of_their_ids(runs: Runs, to_end: bool) -> None:
    await runs.have(*(runs.kind.make(id_, f"of {id_}") for id_ in "abc"))
    async with runs.stage.begin() as first:
        await locking("b")(first)
        second = await runs.stage.blocked(locking("cba", to_end=to_end))
        assert (await runs.stage.run(locking("c"))).keys() == {"c"}
        third = await runs.stage.blocked(locking("ab"))
    assert (await second).keys() == set("abc")
    assert (await third).keys() == set("ab")


async def test_what_runs_are_about_is_locked_in_the_order_of_its_ids(runs: Runs) -> None:
    async with runs.stage.begin() as tx:
        for id_ in "abc":
            await runs.kind.add_subject(tx.store, id_)
    await runs.have(*(runs.kind.make(f"of {id_}", id_) for id_ in "abc"))
    of_all = ["of c", "of b", "of a"]
    async with runs.stage.begin() as first:
        await runs.kind.lock_subject(first.store, "b")
        second = await runs.stage.blocked(lambda tx: tx.store.lock_runs(of_all, to_end=True))
        assert await runs.stage.run(lambda tx: runs.kind.lock_subject(tx.store, "c"))
        third = await runs.stage.blocked(lambda tx: runs.kind.lock_subject(tx.store, "a"))
    assert (await second).keys() == set(of_all)
    assert (await third).keys() == {"a"}


@pytest.mark.parametrize("commits", [True, False])
async def test_a_run_id_waits_for_the_one_before_it(runs: Runs, commits: bool) -> None:
    first_run, second_run = (runs.kind.make("run", worker=name) for name in ("1", "2"))
    async with runs.stage.ending(commits) as first:
        await first.store.insert_runs([first_run])
        second = await runs.stage.blocked(lambda tx: tx.store.insert_runs([second_run]))
    if commits:
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="runs_pkey"):
            await second
    else:
        await second
    assert await runs.read("run") == (first_run if commits else second_run)


async def test_a_run_id_that_is_only_locked_is_taken_at_once(runs: Runs) -> None:
    await runs.have(runs.kind.make("run"))
    async with runs.stage.begin() as first:
        await first.store.lock_runs(["run"])
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="runs_pkey"):
            await runs.have(runs.kind.make("run"))


@pytest.mark.parametrize("after", [S.QUEUED, S.FAILED])
@pytest.mark.parametrize("commits", [True, False])
async def test_an_open_run_waits_for_the_one_before_it(
    research: Research, after: RunState, commits: bool
) -> None:
    one, two = (research_run(id_, state=S.HOLDING) for id_ in ("run_1", "run_2"))
    await research.run(lambda tx: tx.store.insert_runs([one]))
    async with research.ending(commits) as first:
        await first.store.save_runs([replace(one, state=after)])
        second = await research.blocked(lambda tx: tx.store.insert_runs([two]))
    if commits and after is S.FAILED:
        await second
    else:
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="one_open_run_per_person"):
            await second
