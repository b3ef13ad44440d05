"""Runs: what every store of them answers and changes."""

from dataclasses import fields, replace
from typing import Any

import pytest
import sqlalchemy.exc

from libs.work.run import RunState
from services.context.store import CONTEXT_COLUMN_TYPES
from services.research.store import RESEARCH_COLUMN_TYPES
from tests.integration.stores.kinds import KINDS, Runs
from tests.integration.stores.rows import at

S = RunState


def types(row: Any) -> dict[str, type]:
    """The types of all values; an enum's value must come back as the enum's."""
    return {field.name: type(getattr(row, field.name)) for field in fields(row)}


def test_the_suite_changes_every_column_that_can_change() -> None:
    assert KINDS["research"].changed.keys() == RESEARCH_COLUMN_TYPES.keys()
    assert KINDS["context"].changed.keys() == CONTEXT_COLUMN_TYPES.keys()


async def test_a_run_comes_back_as_it_was_inserted(runs: Runs) -> None:
    plain = runs.kind.make("plain")
    full = runs.kind.make("full", **runs.kind.changed, **runs.kind.kept)
    await runs.have(plain, full)
    for run in (plain, full):
        read = await runs.read(run.id)
        assert read == run
        assert types(read) == types(run)
    locked = await runs.stage.run(lambda tx: tx.store.lock_runs(["full", "plain"]))
    assert locked == {"plain": plain, "full": full}


@pytest.mark.parametrize("state", RunState)
async def test_a_run_can_be_in_every_state(runs: Runs, state: RunState) -> None:
    await runs.have(runs.kind.make("run", state=state))
    assert (await runs.read("run")).state is state


@pytest.mark.parametrize("to_end", [False, True])
async def test_locking_answers_the_runs_that_there_are(runs: Runs, to_end: bool) -> None:
    one, two = runs.kind.make("one"), runs.kind.make("two", subject="nobody")
    await runs.have(one, two)
    async with runs.stage.begin() as tx:
        assert await tx.store.lock_runs(["none"], to_end=to_end) == {}
        assert await tx.store.lock_runs([], to_end=to_end) == {}
        found = await tx.store.lock_runs(["two", "none", "one", "two"], to_end=to_end)
        assert found == {"one": one, "two": two}
        assert list(found) == ["one", "two"]
    assert await runs.read("none") is None


async def test_a_run_id_is_used_once(runs: Runs) -> None:
    first = runs.kind.make("run", worker="first")
    await runs.have(first)
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="runs_pkey"):
        await runs.have(runs.kind.make("other"), runs.kind.make("run"))
    assert await runs.read("run") == first
    assert await runs.read("other") is None


async def test_a_run_id_is_used_once_in_a_call(runs: Runs) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="runs_pkey"):
        await runs.have(runs.kind.make("run"), runs.kind.make("run"))
    assert await runs.read("run") is None


async def test_nothing_can_be_inserted_and_saved(runs: Runs) -> None:
    await runs.have()
    await runs.stage.run(lambda tx: tx.store.save_runs([]))


async def test_saving_writes_every_column_that_can_change(runs: Runs) -> None:
    before = runs.kind.make("run", **runs.kind.kept)
    other = runs.kind.make("other")
    await runs.have(before, other)
    after = replace(before, **runs.kind.changed)
    assert all(getattr(before, name) != value for name, value in runs.kind.changed.items())
    await runs.stage.run(lambda tx: tx.store.save_runs([after]))
    read = await runs.read("run")
    assert read == after
    assert types(read) == types(after)
    await runs.stage.run(lambda tx: tx.store.save_runs([before]))
    assert await runs.read("run") == before
    assert await runs.read("other") == other


async def test_saving_writes_several_runs(runs: Runs) -> None:
    before = [runs.kind.make(id_, subject=id_) for id_ in ("one", "two")]
    await runs.have(*before)
    after = [replace(run, step=run.id) for run in before]
    await runs.stage.run(lambda tx: tx.store.save_runs(iter(after)))
    assert [await runs.read(run.id) for run in before] == after


async def test_saving_leaves_the_other_columns(runs: Runs) -> None:
    before = runs.kind.make("run", **runs.kind.kept)
    await runs.have(before)
    unlike = runs.kind.make("run", subject="somebody", step="writing", created_at=at(9))
    await runs.stage.run(lambda tx: tx.store.save_runs([unlike]))
    assert await runs.read("run") == replace(before, step="writing")


async def test_saving_adds_no_run(runs: Runs) -> None:
    await runs.stage.run(lambda tx: tx.store.save_runs([runs.kind.make("run")]))
    assert await runs.read("run") is None


async def test_a_heartbeat_moves_the_end_of_the_lease(runs: Runs) -> None:
    leased = runs.kind.make("run", state=S.WORKING, token="mine", due_at=at(1))
    await runs.have(leased)
    assert await runs.stage.run(lambda tx: tx.store.heartbeat("run", "mine", at(5)))
    assert await runs.read("run") == replace(leased, due_at=at(5))


@pytest.mark.parametrize(
    ("state", "token"),
    [(S.WORKING, "other"), (S.WORKING, None), (S.QUEUED, "mine"), (S.COMPLETE, "mine")],
)
async def test_a_heartbeat_of_another_lease_changes_nothing(
    runs: Runs, state: RunState, token: str | None
) -> None:
    run = runs.kind.make("run", state=state, token=token, due_at=at(1))
    await runs.have(run)
    assert not await runs.stage.run(lambda tx: tx.store.heartbeat("run", "mine", at(5)))
    assert not await runs.stage.run(lambda tx: tx.store.heartbeat("none", "mine", at(5)))
    assert await runs.read("run") == run


async def test_overdue_runs_are_those_that_are_due_longest_ago_first(runs: Runs) -> None:
    due = {"now": at(0), "long": at(-9), "later": at(0.000001), "soon": at(-1), "never": None}
    await runs.have(
        *(runs.kind.make(id_, subject=id_, due_at=due_at) for id_, due_at in due.items()),
        runs.kind.make("queued", state=S.QUEUED, due_at=at(-5)),
    )
    async with runs.stage.begin() as tx:
        assert await tx.store.overdue(at(0), 10) == ["long", "queued", "soon", "now"]
        assert await tx.store.overdue(at(0), 2) == ["long", "queued"]
        assert await tx.store.overdue(at(0), 0) == []
        assert await tx.store.overdue(at(-10), 10) == []
