"""The committed rows of the simulated databases, as the checks of `libs.audit` look at them."""

from typing import Any

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
from services.context.domain import Profile, sections_of
from tests.simulation.database import Memory
from tests.simulation.stores.context import PROFILES
from tests.simulation.stores.credits import ACCOUNTS, ENTRIES, HOLDS
from tests.simulation.stores.research import PEOPLE, REPORTS
from tests.simulation.stores.runs import RUNS


def research_runs(memory: Memory) -> list[ResearchRunRow]:
    return [
        ResearchRunRow(
            run.id,
            run.user_id,
            run.person_id,
            run.state,
            run.settlement,
            run.price,
            run.creates_person,
            run.prior_status,
            run.rejected_as,
            run.due_at,
            run.created_at,
            run.ended_at,
            run.report_version,
        )
        for run in memory.table(RUNS).values()
    ]


def people(memory: Memory) -> list[PersonRow]:
    return [
        PersonRow(person.id, person.user_id, person.status, person.active_run_id)
        for person in memory.table(PEOPLE).values()
    ]


def reports(memory: Memory) -> list[ReportRow]:
    return [
        ReportRow(report.person_id, report.run_id, report.version)
        for report in memory.table(REPORTS).values()
    ]


def accounts(memory: Memory) -> list[AccountRow]:
    return [
        AccountRow(account.id, account.posted, account.held)
        for account in memory.table(ACCOUNTS).values()
    ]


def holds(memory: Memory, created_at: Any) -> list[HoldRow]:
    return [
        HoldRow(hold.run_id, hold.account_id, hold.amount, hold.state, created_at)
        for hold in memory.table(HOLDS).values()
    ]


def entries(memory: Memory) -> list[EntryRow]:
    return [
        EntryRow(entry.transfer_id, entry.account_id, entry.amount, entry.kind, entry.run_id)
        for entry in memory.table(ENTRIES).values()
    ]


def context_runs(memory: Memory) -> list[ContextRunRow]:
    return [
        ContextRunRow(
            run.id,
            run.user_id,
            run.state,
            run.created_at,
            run.stamp,
            run.prior_stamp,
            run.ended_at,
            run.due_at,
            run.rejected_as,
        )
        for run in memory.table(RUNS).values()
    ]


def profiles(memory: Memory) -> list[ProfileRow]:
    return [
        ProfileRow(
            profile.user_id,
            profile.last_context_regenerated_at,
            filled(profile),
            frozenset(path for path, quotes in profile.evidence.items() if quotes),
        )
        for profile in memory.table(PROFILES).values()
    ]


def filled(profile: Profile | None) -> frozenset[str]:
    """The paths of the generated fields that are not empty."""
    if profile is None:
        return frozenset()
    return frozenset(
        f"{section}.{name}"
        for section, values in sections_of(profile).items()
        for name, value in values.items()
        if value
    )
