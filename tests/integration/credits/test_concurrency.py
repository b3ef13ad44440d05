"""Many processes at once on few accounts and runs: what a missing lock would show."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from random import Random
from typing import Any

import pytest
import pytest_asyncio
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.runtime.database import create_engine
from tests.integration.credits.credits_kit import (
    DEAD_LETTERS,
    Rows,
    Service,
    clear,
    nothing_is_tried_again,
    read,
)
from tests.integration.credits.programs import Ask
from tests.support.memory import MemoryBus, Time, arriving

PROCESSES = 4
WORKERS = 20
PRICE = 2


class Fleet:
    """Twenty routers of four processes on one database."""

    def __init__(self, engines: Sequence[AsyncEngine]) -> None:
        self.bus, self._time, self._engines = MemoryBus(), Time(), engines
        self.workers = [
            Service(engines[n % len(engines)], self.bus, self._time, PRICE) for n in range(WORKERS)
        ]

    async def all_at_once(self, work: Callable[[Service, Random], Coroutine[Any, Any, Any]]) -> Any:
        """Has every worker do something; answers what they answered."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work(worker, Random(n))) for n, worker in enumerate(self.workers)
            ]
        return [task.result() for task in tasks]

    async def send(self, worker: Service, asks: Sequence[Ask]) -> None:
        await worker.router.handle([arriving(ask.command(self._time.now)) for ask in asks])

    async def rows(self) -> Rows:
        rows = await read(self._engines[0])
        rows.check()
        return rows


@pytest_asyncio.fixture
async def fleet(ledger_url: str) -> AsyncIterator[Fleet]:
    engines = [create_engine(ledger_url) for _ in range(PROCESSES)]
    await clear(engines[0])
    yield Fleet(engines)
    for engine in engines:
        await engine.dispose()


@pytest.fixture(autouse=True)
def _nothing_is_tried_again() -> Iterator[None]:
    """A deadlock or a lost race that surfaces would be made good by another try."""
    with structlog.testing.capture_logs([nothing_is_tried_again]):
        yield


def in_batches(asks: list[Ask], random: Random) -> Iterator[list[Ask]]:
    random.shuffle(asks)
    while asks:
        size = random.randint(1, 6)
        yield asks[:size]
        del asks[:size]


async def test_whatever_the_order_a_run_is_charged_once(fleet: Fleet) -> None:
    """Everybody sends everything, in an order of their own; half of the runs are returned."""
    owners = {f"run_{n}": f"user_{n % 3}" for n in range(12)}
    returned = [run for run in owners if int(run.split("_")[1]) % 2]
    for account in set(owners.values()):
        await fleet.workers[0].grant(account, f"grant_{account}", 100)
    asks = [
        *(
            Ask(what, run, account)
            for what in ("hold", "capture")
            for run, account in owners.items()
        ),
        *(Ask("return", run, owners[run]) for run in returned),
    ]

    async def work(worker: Service, random: Random) -> None:
        for batch in in_batches([*asks], random):
            await fleet.send(worker, batch)

    await fleet.all_at_once(work)
    await fleet.send(fleet.workers[0], [Ask("capture", *item) for item in owners.items()])
    rows = await fleet.rows()
    assert {run for run, hold in rows.runs.items() if hold.state == "charged"} == {
        run for run in owners if run not in returned
    }
    kept = Counter(account for run, account in owners.items() if run not in returned)
    assert rows.accounts == {account: (100 - PRICE * kept[account], 0) for account in kept}


async def test_no_more_is_held_than_there_is(fleet: Fleet) -> None:
    await fleet.workers[0].grant("ada", "grant_1", 5 * PRICE + 1)

    async def work(worker: Service, random: Random) -> None:
        for batch in in_batches([Ask("hold", f"run_{n}", "ada") for n in range(30)], random):
            await fleet.send(worker, batch)

    await fleet.all_at_once(work)
    rows = await fleet.rows()
    assert Counter(hold.state for hold in rows.runs.values()) == {"held": 5, "declined": 25}
    assert rows.accounts == {"ada": (5 * PRICE + 1, 5 * PRICE)}


async def test_a_grant_that_is_sent_many_times_at_once_is_one(fleet: Fleet) -> None:
    async def work(worker: Service, random: Random) -> int:
        shared = await worker.grant("ada", "grant_shared", 10)
        await worker.grant("ada", f"grant_{random.random()}", 1)
        return shared.balance

    balances = await fleet.all_at_once(work)
    assert all(10 <= balance < 10 + WORKERS for balance in balances)
    assert (await fleet.rows()).accounts == {"ada": (10 + WORKERS, 0)}


async def test_new_accounts_do_not_deadlock(fleet: Fleet) -> None:
    """Nobody waits for a lock out of order, although most of the accounts are not there yet."""
    accounts = [f"user_{n}" for n in range(60)]

    async def work(worker: Service, random: Random) -> None:
        for most in (1, 10, 10, 2, 10):
            asks = [Ask("return", f"run_{a}", a) for a in random.sample(accounts, most)]
            await fleet.send(worker, asks)

    await fleet.all_at_once(work)
    assert {run.state for run in (await fleet.rows()).runs.values()} == {"voided"}


async def test_two_accounts_at_once_do_not_both_get_a_run(fleet: Fleet) -> None:
    """Their locks do not exclude each other, yet one hold is all that a run has."""
    for account in ("ada", "bob"):
        await fleet.workers[0].grant(account, f"grant_{account}", 100)

    for n in range(10):

        async def work(worker: Service, random: Random, run: str = f"run_{n}") -> None:
            await fleet.send(worker, [Ask("hold", run, random.choice(["ada", "bob"]))])

        await fleet.all_at_once(work)
    rows = await fleet.rows()
    assert len(rows.runs) == 10
    assert sum(held for _, held in rows.accounts.values()) == 10 * PRICE
    letters = [message for message in fleet.bus.published if message.topic == DEAD_LETTERS]
    reasons = {letter.headers["dead_reason"] for letter in letters}
    assert reasons and all(reason.endswith("belongs to another account") for reason in reasons)
