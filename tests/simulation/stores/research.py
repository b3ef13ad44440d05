"""People and reports in memory. See `services.research.store.PostgresStore`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from libs.contracts.research import ReportContent
from services.research.domain import Person, PersonStatus, ResearchRun
from services.research.ports import PersonAfter
from services.research.store import RESEARCH_COLUMN_TYPES
from tests.simulation.stores.runs import RUNS, SOURCES, MemoryRuns

PEOPLE, REPORTS = "people", "reports"
ONE_PROFILE, ONE_OPEN_RUN = "one_person_per_profile", "one_open_run_per_person"
ONE_REPORT = "one_report_per_run"

Having = tuple[str, str | None]
"""A person, and the run that has them."""


@dataclass(frozen=True, slots=True)
class Report:
    """A version of what is known of a person."""

    person_id: str
    run_id: str
    version: int
    content: ReportContent
    change_summary: str | None


class MemoryResearch(MemoryRuns[ResearchRun], model=ResearchRun, changing=RESEARCH_COLUMN_TYPES):
    """The store within one transaction."""

    _subjects = PEOPLE

    def _subject(self, run: ResearchRun) -> str:
        return run.person_id

    def _unique(self, run: ResearchRun) -> tuple[str, str]:
        return ONE_OPEN_RUN, run.person_id

    async def people(self, ids: Collection[str]) -> dict[str, Person]:
        if not ids:
            return {}
        await self._session.statement()
        return {id_: person for id_ in set(ids) if (person := self._session.get(PEOPLE, id_))}

    async def lock_people(self, ids: Collection[str]) -> dict[str, Person]:
        await self._session.statement()
        return {person.id: person for person in await self._session.lock(PEOPLE, set(ids))}

    async def insert_people(self, people: Sequence[Person]) -> set[str]:
        winners: set[str] = set()
        for person in sorted(people, key=lambda p: (p.user_id, p.linkedin_slug or "", p.id)):
            await self._session.statement()
            self._check(person)
            profile = [(*place, person.id)] if (place := _profile(person)) else []
            added = await self._session.insert((PEOPLE, person.id, person), *profile)
            if added and person.active_run_id:
                winners.add(person.active_run_id)
        return winners

    async def start_people(self, people: Sequence[Person], now: datetime) -> set[str]:
        if not people:
            return set()
        await self._session.statement()
        wanted = {person.id: person.active_run_id for person in people}
        free = await self._session.lock(
            PEOPLE, wanted, lambda person: person.status is not PersonStatus.RUNNING
        )
        for person in free:
            await self._update_person(
                replace(
                    person,
                    status=PersonStatus.RUNNING,
                    active_run_id=wanted[person.id],
                    updated_at=now,
                )
            )
        return {run_id for person in free if (run_id := wanted[person.id])}

    async def release_people(self, people: Sequence[PersonAfter], now: datetime) -> None:
        going: set[Having] = {
            (after.person_id, after.run_id) for after in people if after.status is None
        }
        staying: dict[Having, PersonStatus] = {
            (after.person_id, after.run_id): after.status
            for after in people
            if after.status is not None
        }
        for person in await self._lock_of_runs(staying):
            status = staying[person.id, person.active_run_id]
            await self._update_person(
                replace(person, status=status, active_run_id=None, updated_at=now)
            )
        for person in await self._lock_of_runs(going):
            await self._remove(person)

    async def _lock_of_runs(self, pairs: Collection[Having]) -> list[Person]:
        """Locks those of the people whom the named runs have: a statement, if there are any."""
        if not pairs:
            return []
        await self._session.statement()
        return await self._session.lock(
            PEOPLE,
            {person_id for person_id, _ in pairs},
            lambda person: (person.id, person.active_run_id) in pairs,
        )

    async def enrich_person(self, person_id: str, role: str | None, now: datetime) -> None:
        await self._session.statement()
        for person in await self._session.lock(PEOPLE, [person_id]):
            await self._update_person(
                replace(person, role=person.role if role is None else role, last_enriched_at=now)
            )

    async def delete_person(self, person_id: str) -> None:
        await self._session.statement()
        of_person = self._runs_of(person_id)
        for key, _ in self._session.items(SOURCES):
            if key[0] in of_person:
                await self._session.put(SOURCES, key, None)
        await self._session.statement()
        await self._session.lock(RUNS, self._runs_of(person_id))
        await self._session.statement()
        for run in await self._session.lock(RUNS, self._runs_of(person_id)):
            await self._update(run, replace(run, error_message=None))
        await self._session.statement()
        for person in await self._session.lock(PEOPLE, [person_id]):
            await self._remove(person)

    def _runs_of(self, person_id: str) -> set[str]:
        return {run.id for run in self._session.rows(RUNS) if run.person_id == person_id}

    def _check(self, person: Person) -> None:
        if (person.status is PersonStatus.RUNNING) != (person.active_run_id is not None):
            raise self._session.violates("running_has_a_run", asyncpg.CheckViolationError)

    async def _update_person(self, person: Person) -> None:
        """Writes a locked person, and their place in the unique index."""
        self._check(person)
        await self._session.put(PEOPLE, person.id, person)
        if place := _profile(person):
            await self._session.put(*place, person.id)

    async def _remove(self, person: Person) -> None:
        await self._session.put(PEOPLE, person.id, None)
        if place := _profile(person):
            await self._session.put(*place, None)
        for key, report in self._session.items(REPORTS):
            if report.person_id == person.id:
                await self._session.put(REPORTS, key, None)
                await self._session.put(ONE_REPORT, report.run_id, None)

    async def newest_report(self, person_id: str) -> tuple[int, ReportContent] | None:
        await self._session.statement()
        versions = [row for row in self._session.rows(REPORTS) if row.person_id == person_id]
        newest = max(versions, key=lambda report: report.version, default=None)
        return (newest.version, newest.content) if newest else None

    async def insert_report(
        self,
        run: ResearchRun,
        version: int,
        content: ReportContent,
        change_summary: str | None,
        now: datetime,
    ) -> None:
        await self._session.statement()
        key = (run.person_id, version)
        report = Report(run.person_id, run.id, version, content, change_summary)
        if not await self._session.insert((ONE_REPORT, run.id, key)):
            raise self._session.violates(ONE_REPORT)
        if not await self._session.insert((REPORTS, key, report)):
            raise self._session.violates("one_report_per_version")
        # A foreign key locks less than this, but only who has locked the person comes here.
        if not await self._session.lock(PEOPLE, [run.person_id]):
            raise self._session.violates("reports_person_id_fkey", asyncpg.ForeignKeyViolationError)


def _profile(person: Person) -> tuple[str, tuple[str, str]] | None:
    """The place of a person in the unique index of profiles."""
    if person.linkedin_slug is None:
        return None
    return ONE_PROFILE, (person.user_id, person.linkedin_slug)
