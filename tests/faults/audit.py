"""The audit of the stack's databases: again and again under faults, and once in the end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from deploy.local.audit import database_urls
from deploy.local.folder import DataFolder
from libs.audit import queries
from libs.audit.answers import answers_were_true
from libs.audit.audit import audit
from libs.audit.passes import Databases
from libs.audit.postgres import CannotLook, Database
from libs.audit.rows import Answer, ContextRunRow, HoldRow, PersonRow, ResearchRunRow
from libs.audit.statements import Rules
from libs.audit.violation import Violation
from tests.faults.memory import Findings

PAUSE_S = 5.0


class Audit:
    """Looks at the databases of the stack on a folder. `window` is that between regenerations."""

    def __init__(self, folder: Path, window: timedelta, findings: Findings) -> None:
        self._folder = folder
        self._window = window
        self._findings = findings
        self._known: set[tuple[str, str]] = set()
        self.looks = 0

    async def run(self) -> None:
        """Looks until it is cancelled, whenever the databases answer."""
        while True:
            await asyncio.sleep(PAUSE_S)
            try:
                await self.look()
            except CannotLook:
                continue

    async def look(self, *, grace: timedelta = timedelta.max) -> None:
        """Adds what is wrong to the findings, each thing once.

        Raises:
            CannotLook: a database does not answer.
        """
        databases = self._databases()
        try:
            for found in await audit(databases, Rules(window=self._window, grace=grace)):
                self._add(found.violations)
            self.looks += 1
        finally:
            await databases.close()

    async def answers(self, answers: Sequence[Answer]) -> None:
        """Holds what callers were told against what is there."""
        databases = self._databases()
        run_ids = [answer.run_id for answer in answers]
        people = [answer.person_id for answer in answers if answer.person_id]
        users = {answer.user_id for answer in answers}
        try:
            async with databases.research.reading() as read:
                runs = await read.rows(ResearchRunRow, queries.RUNS, run_ids)
                there = await read.rows(PersonRow, queries.PEOPLE, people)
            async with databases.context.reading() as read:
                regenerations = await read.rows(ContextRunRow, queries.REGENERATIONS, users)
            async with databases.credits.reading() as read:
                holds = await read.rows(HoldRow, queries.HOLDS, run_ids)
            self._add(answers_were_true(answers, runs, regenerations, there, holds))
        finally:
            await databases.close()

    def _databases(self) -> Databases:
        urls = database_urls(DataFolder(self._folder), {})
        return Databases(**{service: Database(service, url) for service, url in urls.items()})

    def _add(self, violations: Sequence[Violation]) -> None:
        for violation in violations:
            if (violation.name, violation.subject) not in self._known:
                self._known.add((violation.name, violation.subject))
                self._findings.add(violation.statement, str(violation))
