"""The ways through the live databases: which keys, and what is checked of each page of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields

from libs.audit import queries
from libs.audit.credit_of_runs import (
    holds_agree_with_their_run,
    holds_have_their_run,
    nothing_is_held_for_long_after_the_end,
    settled_runs_cost_what_they_should,
)
from libs.audit.endings import regenerations_end, runs_end_and_settle
from libs.audit.ledger import (
    accounts_add_up,
    accounts_exist,
    entries_have_their_hold,
    holds_resolve_once,
    transfers_balance,
)
from libs.audit.people import (
    open_runs_have_their_person,
    people_name_their_run,
    people_stand_as_their_last_run_left_them,
)
from libs.audit.postgres import Database
from libs.audit.regenerations import (
    contexts_rest_on_evidence,
    one_regeneration_a_window,
    slots_are_those_of_their_regenerations,
)
from libs.audit.reports import (
    complete_runs_have_their_report,
    reports_have_their_run,
    versions_have_no_gaps,
)
from libs.audit.rows import (
    AccountRow,
    ContextRunRow,
    EntryRow,
    HoldRow,
    PersonRow,
    ProfileRow,
    ReportRow,
    ResearchRunRow,
)
from libs.audit.statements import Rules
from libs.audit.violation import Violation
from libs.messaging.clock import Clock

Keys = Sequence[str]


@dataclass(frozen=True, slots=True)
class Databases:
    """What is audited."""

    research: Database
    credits: Database
    context: Database

    @classmethod
    @asynccontextmanager
    async def at(cls, urls: Mapping[str, str]) -> AsyncIterator["Databases"]:
        """The databases at the URL of each service; in the end their connections are closed."""
        opened = {field.name: Database(field.name, urls[field.name]) for field in fields(cls)}
        databases = cls(**opened)
        try:
            yield databases
        finally:
            await databases.close()

    async def close(self) -> None:
        """Ends all connections."""
        for database in (self.research, self.credits, self.context):
            await database.close()


@dataclass(frozen=True, slots=True)
class Pass:
    """One way through: `check` gets pages of the keys that `page` finds in `database`.

    A check of two databases reads them one after the other. What it finds counts only if it
    stays: it `must_stay`.
    """

    name: str
    statements: tuple[int, ...]
    database: Database
    page: str
    check: Callable[[Keys], Awaitable[list[Violation]]]
    must_stay: bool = False


class Checks:
    """All checks on live rows."""

    def __init__(self, databases: Databases, rules: Rules, clock: Clock) -> None:
        self._databases = databases
        self._rules = rules
        self._clock = clock

    def passes(self) -> list[Pass]:
        """Every way through."""
        of = self._databases
        return [
            Pass("people", (1, 4, 8), of.research, queries.PEOPLE_PAGE, self.people),
            Pass("runs", (1, 5, 8), of.research, queries.RUNS_PAGE, self.runs),
            Pass("accounts", (3,), of.credits, queries.ACCOUNTS_PAGE, self.accounts),
            Pass("holds", (2, 3), of.credits, queries.HOLDS_PAGE, self.holds),
            Pass("transfers", (2, 3), of.credits, queries.TRANSFERS_PAGE, self.transfers),
            Pass("users", (5, 6, 8), of.context, queries.USERS_PAGE, self.users),
            Pass(
                "runs with their holds",
                (4, 5),
                of.research,
                queries.RUNS_PAGE,
                self.runs_with_their_holds,
                must_stay=True,
            ),
            Pass(
                "holds with their runs",
                (4,),
                of.credits,
                queries.HOLDS_PAGE,
                self.holds_with_their_runs,
                must_stay=True,
            ),
        ]

    async def people(self, ids: Keys) -> list[Violation]:
        """People, with all runs that had them and all their reports."""
        async with self._databases.research.reading() as read:
            people = await read.rows(PersonRow, queries.PEOPLE, ids)
            runs = await read.rows(ResearchRunRow, queries.RUNS_THAT_HAD_PEOPLE, ids)
            reports = await read.rows(ReportRow, queries.REPORTS_OF_PEOPLE, ids)
        return [
            *people_name_their_run(people, runs),
            *people_stand_as_their_last_run_left_them(people, runs),
            *versions_have_no_gaps(reports),
            *reports_have_their_run(reports, runs),
        ]

    async def runs(self, ids: Keys) -> list[Violation]:
        """Research runs, with their people and reports."""
        async with self._databases.research.reading() as read:
            runs = await read.rows(ResearchRunRow, queries.RUNS, ids)
            people = await read.rows(PersonRow, queries.PEOPLE, {run.person_id for run in runs})
            reports = await read.rows(ReportRow, queries.REPORTS_OF_RUNS, ids)
        return [
            *open_runs_have_their_person(runs, people),
            *complete_runs_have_their_report(runs, reports, people),
            *runs_end_and_settle(
                runs,
                now=self._clock(),
                grace=self._rules.grace,
                charge_failed=self._rules.charge_failed,
            ),
        ]

    async def accounts(self, ids: Keys) -> list[Violation]:
        """Accounts, with the sums of their entries and open holds."""
        async with self._databases.credits.reading() as read:
            accounts = await read.rows(AccountRow, queries.ACCOUNTS, ids)
            posted = await read.sums(queries.POSTED_SUMS, ids)
            held = await read.sums(queries.HELD_SUMS, ids)
        return accounts_add_up(accounts, posted, held)

    async def holds(self, run_ids: Keys) -> list[Violation]:
        """Holds, with the entries of their runs."""
        async with self._databases.credits.reading() as read:
            holds = await read.rows(HoldRow, queries.HOLDS, run_ids)
            entries = await read.rows(EntryRow, queries.TRANSFERS, _transfers_of(run_ids))
            named = {hold.account_id for hold in holds}
            accounts = await read.rows(AccountRow, queries.ACCOUNTS, named)
        return [*holds_resolve_once(holds, entries), *accounts_exist(named, accounts)]

    async def transfers(self, ids: Keys) -> list[Violation]:
        """Transfers: their entries, with the holds and accounts that these name."""
        async with self._databases.credits.reading() as read:
            entries = await read.rows(EntryRow, queries.TRANSFERS, ids)
            of_runs = {entry.run_id for entry in entries if entry.run_id is not None}
            holds = await read.rows(HoldRow, queries.HOLDS, of_runs)
            named = {entry.account_id for entry in entries}
            accounts = await read.rows(AccountRow, queries.ACCOUNTS, named)
        return [
            *entries_have_their_hold(entries, holds),
            *transfers_balance(entries),
            *accounts_exist(named, accounts),
        ]

    async def users(self, ids: Keys) -> list[Violation]:
        """Users of the context service: their profiles, and all regenerations but refused ones."""
        async with self._databases.context.reading() as read:
            profiles = [
                ProfileRow(user_id, stamp, *map(frozenset, paths_and_columns))
                for user_id, stamp, *paths_and_columns in await read.records(queries.PROFILES, ids)
            ]
            runs = await read.rows(ContextRunRow, queries.REGENERATIONS, ids)
        window = self._rules.window
        return [
            *regenerations_end(runs, now=self._clock(), grace=self._rules.grace),
            *one_regeneration_a_window(runs, window=window),
            *slots_are_those_of_their_regenerations(
                profiles, runs, now=self._clock(), window=window
            ),
            *contexts_rest_on_evidence(profiles, runs),
        ]

    async def runs_with_their_holds(self, ids: Keys) -> list[Violation]:
        """Research runs, and then what credits has of them: that can only be further on."""
        async with self._databases.research.reading() as read:
            runs = await read.rows(ResearchRunRow, queries.RUNS, ids)
        async with self._databases.credits.reading() as read:
            holds = await read.rows(HoldRow, queries.HOLDS, ids)
            entries = await read.rows(EntryRow, queries.TRANSFERS, _transfers_of(ids))
        failed = self._rules.charge_failed
        return [
            *holds_agree_with_their_run(runs, holds, charge_failed=failed),
            *settled_runs_cost_what_they_should(runs, entries, charge_failed=failed),
            *nothing_is_held_for_long_after_the_end(
                runs, holds, now=self._clock(), grace=self._rules.grace
            ),
        ]

    async def holds_with_their_runs(self, run_ids: Keys) -> list[Violation]:
        """Holds, and then their runs, which were there before them."""
        async with self._databases.credits.reading() as read:
            holds = await read.rows(HoldRow, queries.HOLDS, run_ids)
        async with self._databases.research.reading() as read:
            runs = await read.rows(ResearchRunRow, queries.RUNS, run_ids)
        return holds_have_their_run(holds, runs)


def _transfers_of(run_ids: Keys) -> list[str]:
    """The only ids that transfers of runs can have: see `entries_have_their_hold`."""
    return [f"{run_id}:{kind}" for run_id in run_ids for kind in ("charge", "refund")]
