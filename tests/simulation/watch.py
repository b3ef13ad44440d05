"""Watches every commit and every answer of a schedule for what must never happen."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from libs.audit.rows import Answer
from libs.audit.statements import Rows, Rules, violations
from libs.work.run import RunState
from services.credits.domain import EntryKind
from tests.simulation import rows
from tests.simulation.clients import User
from tests.simulation.database import Memory
from tests.simulation.stores.credits import ENTRIES
from tests.simulation.stores.research import PEOPLE
from tests.simulation.stores.runs import RUNS

MOST_FOUND = 20


class Watch:
    """Collects violations, each with its time."""

    def __init__(
        self, memories: dict[str, Memory], rules: Rules, now: Callable[[], datetime]
    ) -> None:
        self.found: list[str] = []
        self.answers: dict[tuple[str, str], Answer] = {}
        self._memories = memories
        self._rules = rules
        self._now = now

    def report(self, what: str) -> None:
        if len(self.found) < MOST_FOUND:
            self.found.append(f"{self._now():%H:%M:%S.%f} {what}")

    def heard(self, answer: Answer) -> None:
        """A client was answered. An error is about the last time that its request was sent."""
        if answer.status == 200:
            memory = self._memories[answer.kind]
            run = memory.table(RUNS).get(answer.run_id)
            if run is None or run.state in (RunState.REJECTED, RunState.ROLLED_BACK):
                self.report(
                    f"{answer.user_id} was answered 200: {answer.run_id} is {run and run.state}"
                )
        known = self.answers.get((answer.user_id, answer.run_id))
        if known is None or known.status != 200:
            self.answers[answer.user_id, answer.run_id] = answer

    def look(self, *, settled: bool = False) -> None:
        """Checks all rows; `settled`: everything must have ended by now."""
        grace = timedelta(0) if settled else timedelta.max
        rules = Rules(self._rules.window, grace, self._rules.charge_failed)
        for violation in violations(self.rows(), rules, self._now()):
            self.report(str(violation))

    def look_at_promises(self, users: list[User]) -> None:
        """What was confirmed besides runs: grants are in the ledger, people who were deleted gone.

        And nothing else: every grant in the ledger was asked for, under its id.
        """
        asked_for = {id_: amount for user in users for id_, amount in user.granted.items()}
        posted = {
            entry.transfer_id: abs(entry.amount)
            for entry in self._memories["credits"].table(ENTRIES).values()
            if entry.kind is EntryKind.GRANT
        }
        for grant_id, amount in posted.items():
            if asked_for.get(grant_id) != amount:
                self.report(f"nobody asked for {grant_id} of {amount}")
        there = self._memories["research"].table(PEOPLE)
        for user in users:
            for grant_id in sorted(user.confirmed - posted.keys()):
                self.report(f"{grant_id} was confirmed to {user.id}, and is not in the ledger")
            for person_id in sorted(user.deleted & there.keys()):
                self.report(f"{person_id} was deleted by {user.id}, and is there")

    def rows(self) -> Rows:
        research, credits_, context = (
            self._memories[name] for name in ("research", "credits", "context")
        )
        return Rows(
            people=rows.people(research),
            runs=rows.research_runs(research),
            reports=rows.reports(research),
            accounts=rows.accounts(credits_),
            holds=rows.holds(credits_, self._now()),
            entries=rows.entries(credits_),
            profiles=rows.profiles(context),
            regenerations=rows.context_runs(context),
            answers=list(self.answers.values()),
        )


def left_open(memories: dict[str, Memory]) -> tuple[int, int]:
    """How many runs have not ended, and how many ended ones are not settled."""
    runs: list[Any] = [
        run for name in ("research", "context") for run in memories[name].table("runs").values()
    ]
    unended = sum(run.open for run in runs)
    unsettled = sum(not run.open and run.due_at is not None for run in runs)
    return unended, unsettled
