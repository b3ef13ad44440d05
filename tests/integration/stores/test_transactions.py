"""What a transaction is, whatever its store: all or nothing, and what others see of it."""

import asyncio

import pytest
import sqlalchemy.exc

from libs.messaging.failures import is_transient
from libs.messaging.unit import Transaction
from services.credits.domain import Account
from services.credits.ports import CreditsStore
from services.research.ports import ResearchStore
from tests.integration.stores.rows import NOW, at, message, person, research_run, source
from tests.integration.stores.stage import BOUND_S, Stage

Research = Stage[ResearchStore]
Ledger = Stage[CreditsStore]


class Broken(Exception):
    """Something that goes wrong in a handler."""


async def change_all(tx: Transaction[ResearchStore]) -> None:
    """A change of every kind."""
    await tx.store.insert_people([person("new", "run_2"), person("other", linkedin_slug="ada")])
    await tx.store.start_people([person("person", "run_1")], at(1))
    await tx.store.insert_runs([research_run("run_1")])
    await tx.store.record_source("run_1", source("src_1"))
    await tx.inbox.admit(["in"], NOW)
    await tx.outbox.remove(["old"])
    await tx.outbox.add([message("new")])


async def seen(tx: Transaction[ResearchStore]) -> dict[str, object]:
    """What a transaction sees without a lock."""
    return {
        "people": await tx.store.people(["person", "new", "other"]),
        "runs": await tx.store.lock_runs(["run_1"]),
        "sources": await tx.store.source_texts("run_1"),
        "outbox": [row.id for row in await tx.outbox.stale(at(9), 9)],
    }


NOTHING = {"people": {"person": person()}, "runs": {}, "sources": {}, "outbox": ["old"]}
ALL = {
    "people": {
        "person": person("person", "run_1", updated_at=at(1)),
        "new": person("new", "run_2"),
        "other": person("other", linkedin_slug="ada"),
    },
    "runs": {"run_1": research_run("run_1")},
    "sources": {"src_1": source("src_1").text},
    "outbox": ["new"],
}


async def starting_again(tx: Transaction[ResearchStore]) -> set[str]:
    return await tx.store.start_people([person("person", "run_9")], at(1))


async def prepare(research: Research) -> None:
    async with research.begin() as tx:
        await tx.store.insert_people([person()])
        await tx.outbox.add([message("old")])


async def test_others_see_a_change_when_it_is_committed(research: Research) -> None:
    await prepare(research)
    async with research.begin() as reader:
        assert await seen(reader) == NOTHING
        async with research.begin() as writer:
            await change_all(writer)
            assert await reader.store.people(["person", "new"]) == {"person": person()}
            assert await reader.store.lock_runs(["run_1"]) == {}
            assert await reader.store.source_texts("run_1") == {}
            assert await reader.store.overdue(at(9), 9) == []
            assert [row.id for row in await reader.outbox.stale(at(9), 9)] == ["old"]
        # The next statement sees it, although the reader's transaction began before.
        assert await seen(reader) == ALL


async def test_a_transaction_sees_its_own_changes(research: Research) -> None:
    await prepare(research)
    async with research.begin() as tx:
        await change_all(tx)
        assert await seen(tx) == ALL
        assert await tx.inbox.admit(["in"], NOW) == set()


@pytest.mark.parametrize("error", [Broken, asyncio.CancelledError])
async def test_an_error_undoes_everything(research: Research, error: type[BaseException]) -> None:
    await prepare(research)
    with pytest.raises(error):
        async with research.begin() as tx:
            await change_all(tx)
            raise error
    async with research.begin() as tx:
        assert await seen(tx) == NOTHING
        assert await tx.inbox.admit(["in"], NOW) == {"in"}
        # Its places are free, and so are its locks.
        won = await tx.store.insert_people(
            [person("new", "run_3"), person("again", "run_4", linkedin_slug="ada")]
        )
        assert won == {"run_3", "run_4"}
        assert await tx.store.start_people([person("person", "run_5")], at(2)) == {"run_5"}


async def test_after_a_statement_that_failed_nothing_can_be_done(research: Research) -> None:
    """Whoever catches the error has not saved the transaction."""
    await prepare(research)
    async with research.begin() as tx:
        await change_all(tx)
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            await tx.store.insert_runs([research_run("run_1")])
        for statement in (
            tx.store.people(["person"]),
            tx.inbox.admit(["in"], NOW),
            tx.outbox.add([message("late")]),
        ):
            with pytest.raises(sqlalchemy.exc.DBAPIError, match="transaction is aborted"):
                await statement
        # Nor does it keep anybody waiting, although it is still open.
        assert await research.run(starting_again) == {"run_9"}
    found = await research.run(seen)
    assert found == NOTHING | {"people": {"person": person("person", "run_9", updated_at=at(1))}}


async def test_a_transaction_that_is_cancelled_while_it_waits_lets_go(research: Research) -> None:
    await research.run(lambda tx: tx.store.insert_people([person("a"), person("b")]))

    async def lock_both(tx: Transaction[ResearchStore]) -> None:
        await tx.store.lock_people(["a", "b"])

    async with research.begin() as first:
        await first.store.lock_people(["b"])
        second = await research.blocked(lock_both)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert (await research.run(lambda tx: tx.store.lock_people(["a"]))).keys() == {"a"}
    await research.run(lock_both)


async def test_nobody_waits_for_ever(impatient: Ledger) -> None:
    await impatient.run(lambda tx: tx.store.lock_accounts(["ada", "bob"]))

    async def lock_both(tx: Transaction[CreditsStore]) -> None:
        await tx.store.lock_accounts(["ada"])
        await tx.store.lock_accounts(["bob"])

    async with impatient.begin() as first:
        await first.store.lock_accounts(["bob"])
        with pytest.raises(TimeoutError) as raised:
            await impatient.run(lock_both)
        assert is_transient(raised.value)
        found = await impatient.run(lambda tx: tx.store.lock_accounts(["ada"]))
        assert found == {"ada": Account("ada")}


async def test_of_two_that_wait_for_each_other_one_may_try_again(research: Research) -> None:
    await research.run(lambda tx: tx.store.insert_people([person("a"), person("b")]))
    both_have_one = asyncio.Barrier(2)

    async def work(first: str, second: str) -> None:
        async with asyncio.timeout(BOUND_S), research.begin() as tx:
            await tx.store.lock_people([first])
            await both_have_one.wait()
            await tx.store.lock_people([second])
            await tx.store.enrich_person("a", f"{first} {second}", NOW)

    ends = await asyncio.gather(work("a", "b"), work("b", "a"), return_exceptions=True)
    [error] = [end for end in ends if end is not None]
    assert isinstance(error, Exception)
    assert is_transient(error)
    assert "deadlock detected" in str(error)
    found = await research.run(lambda tx: tx.store.people(["a"]))
    assert found["a"].role == ("a b" if ends[0] is None else "b a")


async def test_a_circle_of_inserts_and_locks_is_a_deadlock_too(ledger: Ledger) -> None:
    both_have_one = asyncio.Barrier(2)

    async def work(first: str, second: str) -> None:
        async with asyncio.timeout(BOUND_S), ledger.begin() as tx:
            await tx.inbox.admit([first], NOW)
            await both_have_one.wait()
            await tx.inbox.admit([second], NOW)

    ends = await asyncio.gather(work("a", "b"), work("b", "a"), return_exceptions=True)
    [error] = [end for end in ends if end is not None]
    assert isinstance(error, Exception)
    assert is_transient(error)
    assert await ledger.run(lambda tx: tx.inbox.admit(["a", "b"], NOW)) == set()
