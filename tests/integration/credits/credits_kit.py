"""A credits service on a real database that a test can kill, and what the database says of it."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.typing import EventDict

from libs.contracts.credits import Action
from libs.contracts.topics import CREDITS_COMMANDS, dead_letters
from libs.messaging.bus import Bus
from libs.messaging.clock import Clock, random_ids
from libs.messaging.testing import Crash
from libs.messaging.unit import PostgresDatabase, Transaction, Units
from services.credits import app
from services.credits.domain import Account
from services.credits.handlers import grant_credits
from services.credits.store import PostgresStore
from tests.integration.credits.model import Answer, Entry, Run

TABLES = ("accounts", "holds", "entries", "outbox", "inbox")
DEAD_LETTERS = dead_letters(CREDITS_COMMANDS.name)


class Kill(NamedTuple):
    """The process dies at its `nth` commit: `before` it or `after` it."""

    when: str
    nth: int = 1


class KillableDatabase(PostgresDatabase[PostgresStore]):
    """A database whose process dies at a commit, where `kill` says so."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, PostgresStore)
        self._kill: Kill | None = None
        self._commits = 0

    def die_at(self, kill: Kill | None) -> None:
        """Counts commits from now on."""
        self._kill, self._commits = kill, 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction[PostgresStore]]:
        async with super().begin() as transaction:
            yield transaction
            self._commits += 1
            self._die("before")
        self._die("after")

    def _die(self, when: str) -> None:
        if self._kill == (when, self._commits):
            raise Crash(f"{when} commit {self._commits}")


class Service:
    """One process of the service: its router and its relay, and grants as its HTTP API makes them.

    Messages go to `bus`; what is only in memory is gone with the object.
    """

    def __init__(self, engine: AsyncEngine, bus: Bus, clock: Clock, price: int) -> None:
        self.database = KillableDatabase(engine)
        self._units = Units(self.database, app.envelope(random_ids), clock)
        built = app.build(self._units, bus, clock, {Action.DEEP_RESEARCH: price})
        self.router, self.relay = built.router, built.relay

    async def grant(self, account: str, grant_id: str, amount: int) -> Account:
        async with self._units.begin() as unit:
            return await grant_credits(unit, random_ids, account, grant_id, amount, "test")


@dataclass(frozen=True)
class Rows:
    """The database at one instant."""

    accounts: dict[str, tuple[int, int]]
    runs: dict[str, Run]
    entries: list[Entry]
    unsent: dict[str, Answer]

    def check(self) -> None:
        """What must hold of any ledger, whatever has happened to it."""
        users = {account for account in self.accounts if not account.startswith("@")}
        assert {run.account for run in self.runs.values()} <= users
        for user in users:
            posted, held = self.accounts[user]
            mine = [entry for entry in self.entries if entry.account == user]
            open_holds = [run for run in self.runs.values() if run == Run(user, run.amount, "held")]
            assert posted == sum(entry.amount for entry in mine), user
            assert held == sum(run.amount for run in open_holds), user
            assert posted >= held >= 0, user
            running = 0
            for entry in mine:
                running += entry.amount
                assert entry.posted_after == running >= 0, entry
        assert sum(entry.amount for entry in self.entries) == 0
        for run_id, run in self.runs.items():
            kinds = [e.kind for e in self.entries if e.run == run_id and e.account == run.account]
            due = {"charged": ["charge"], "refunded": ["charge", "refund"]}.get(run.state, [])
            assert kinds == due, run_id


async def read(engine: AsyncEngine) -> Rows:
    """All rows, in one snapshot."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")

        async def rows(query: str) -> Sequence[Any]:
            return (await connection.execute(sa.text(query))).all()

        return Rows(
            {row.id: (row.posted, row.held) for row in await rows("SELECT * FROM accounts")},
            {
                row.run_id: Run(row.account_id, row.amount, row.state)
                for row in await rows("SELECT * FROM holds")
            },
            [
                Entry(*row)
                for row in await rows(
                    "SELECT transfer_id, account_id, amount, kind, run_id, posted_after "
                    "FROM entries ORDER BY id"
                )
            ],
            {row.id: answer(row.type, row.value) for row in await rows("SELECT * FROM outbox")},
        )


async def clear(engine: AsyncEngine) -> None:
    """Empties the database; for a few rows this is much quicker than TRUNCATE."""
    async with engine.begin() as connection:
        for table in TABLES:
            await connection.execute(sa.text(f"DELETE FROM {table}"))


def nothing_is_tried_again(_logger: Any, method: str, event: EventDict) -> EventDict:
    """A processor of logs for tests in which a command that fails is a bug: no pause hides it.

    A router warns before it tries again; of what it refuses for good it tells an error.
    """
    if method == "warning":
        raise AssertionError(event)
    return event


def answer(type_: str, value: bytes) -> Answer:
    body = json.loads(value)
    of = body.get("run_id") or body["grant_id"]
    return Answer(type_, of, body["account_id"], body["amount"], body["balance"])
