"""Watches every commit and every answer of a schedule for what must never happen."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from libs.audit.rows import Answer
from libs.audit.statements import Rows, Rules, violations
from libs.contracts.gateway import Outcome
from libs.messaging.bus import Outgoing
from libs.work.run import RunState
from services.credits.domain import EntryKind, HoldState
from tests.simulation import rows
from tests.simulation.database import Change, Memory
from tests.simulation.messaging_tables import OUTBOX
from tests.simulation.stores.context import PROFILES
from tests.simulation.stores.credits import ENTRIES, HOLDS
from tests.simulation.stores.research import PEOPLE, REPORTS
from tests.simulation.stores.runs import RUNS

FINAL = frozenset({HoldState.VOIDED, HoldState.REFUNDED, HoldState.DECLINED})


def may_move(before: HoldState | None, after: HoldState) -> bool:
    """Whether a hold may go from one state to another in one commit, which may be a batch."""
    if before is None or before is after:
        return True
    if before in FINAL:
        return False
    return after is not HoldState.HELD and not (
        before is HoldState.CHARGED and after is not HoldState.REFUNDED
    )


WITHDRAWN = frozenset({"ResearchTask", "ContextTask"})
"""What may leave the outbox unpublished: the task of a run that is undone."""
MOST_FOUND = 20


class Watch:
    """Collects violations, each with its time."""

    def __init__(
        self, memories: dict[str, Memory], rules: Rules, now: Callable[[], datetime]
    ) -> None:
        self.found: list[str] = []
        self.answers: dict[tuple[str, str], Answer] = {}
        self._acknowledged: set[str] = set()
        self._memories = memories
        self._rules = rules
        self._now = now

    def report(self, what: str) -> None:
        if len(self.found) < MOST_FOUND:
            self.found.append(f"{self._now():%H:%M:%S.%f} {what}")

    # At every commit: what the rows alone no longer show.

    def acknowledged(self, message: Outgoing) -> None:
        """The broker has, or says that it has, a message."""
        self._acknowledged.add(message.id)

    def committed(self, service: str, changes: list[Change]) -> None:
        for table, key, before, after in changes:
            if table == OUTBOX and after is None:
                withdrawn = before is None or before.type in WITHDRAWN
                if not withdrawn and key not in self._acknowledged:
                    self.report(f"{before.type} {before.key} left the outbox unpublished")
            if table == RUNS and before is not None and before.state is RunState.WORKING:
                self._worked(before, after)
        if service == "credits":
            self._credits_committed(changes)
        if service == "research":
            self._research_committed(changes)
        if service == "context":
            self._context_committed(changes)

    def _worked(self, before: Any, after: Any) -> None:
        if after.error_code == "nothing_read" and after.error_message != before.token:
            self.report(f"run {before.id} was failed by another lease than its own")

    def _research_committed(self, changes: list[Change]) -> None:
        for table, key, before, run in changes:
            if table == RUNS and before is None and run.rejected_as is Outcome.ALREADY_RUNNING:
                person = self._memories["research"].table(PEOPLE).get(run.person_id)
                if person is None or person.active_run_id is None:
                    self.report(f"run {key} lost its person to nobody")
        tokens = {key: run.token for table, key, run, _ in changes if table == RUNS and run}
        for table, _, before, report in changes:
            if table != REPORTS or before is not None or report is None:
                continue
            if report.content.generator != f"simulated {tokens.get(report.run_id)}":
                self.report(f"run {report.run_id} has the report of another lease than its own")

    def _credits_committed(self, changes: list[Change]) -> None:
        for table, key, before, after in changes:
            if table == HOLDS:
                state = before.state if before else None
                if after is None or not may_move(state, after.state):
                    self.report(f"hold {key} went from {state} to {after and after.state}")
            if table == ENTRIES and before is not None:
                self.report(f"entry {key} was changed")

    def _context_committed(self, changes: list[Change]) -> None:
        begun = [run for table, _, before, run in changes if table == RUNS and before is None]
        changed = {key for table, key, _, _ in changes if table == PROFILES}
        moved = {run.user_id for table, _, before, run in changes if table == RUNS and before}
        moved |= {run.user_id for run in begun if run.open}
        for user_id in changed - moved:
            self.report(f"the profile of {user_id} was changed by no regeneration")
        for table, key, before, after in changes:
            if table == PROFILES and before is not None and before is not after:
                emptied = rows.filled(before) - (rows.filled(after) if after else frozenset())
                if emptied:
                    self.report(f"the context of {key} lost {', '.join(sorted(emptied))}")

    # At every answer, and whenever it is asked to look.

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

    def look_at_grants(self, asked_for: dict[str, int]) -> None:
        """Every grant in the ledger was asked for, under its id and of its amount."""
        for entry in self._memories["credits"].table(ENTRIES).values():
            is_grant = entry.kind is EntryKind.GRANT
            if is_grant and asked_for.get(entry.transfer_id) != abs(entry.amount):
                self.report(f"nobody asked for {entry.transfer_id}")

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
