"""What every commit is looked at for: what the rows that are left no longer show."""

from collections.abc import Callable, Collection
from typing import Any

from libs.contracts.gateway import Outcome
from libs.messaging.bus import Outgoing
from libs.work.run import RunState
from services.context.domain import ContextRun, Profile
from services.credits.domain import HoldState
from tests.simulation import rows
from tests.simulation.content import NOTHING_READ, generator_of
from tests.simulation.database import Change, Memory
from tests.simulation.messaging_tables import OUTBOX
from tests.simulation.stores.context import PROFILES
from tests.simulation.stores.credits import ENTRIES, HOLDS
from tests.simulation.stores.research import PEOPLE, REPORTS
from tests.simulation.stores.runs import RUNS

FINAL = frozenset({HoldState.VOIDED, HoldState.REFUNDED, HoldState.DECLINED})
UNDONE = frozenset({RunState.REJECTED, RunState.ROLLED_BACK})
WITHDRAWN = frozenset({"ResearchTask", "ContextTask"})
"""What may leave the outbox unpublished: tasks. Their runs are undone, or send them again."""


def may_move(before: HoldState | None, after: HoldState) -> bool:
    """Whether a hold may go from one state to another in one commit, which may be a batch."""
    if before is None or before is after:
        return True
    if before in FINAL:
        return False
    return after is not HoldState.HELD and not (
        before is HoldState.CHARGED and after is not HoldState.REFUNDED
    )


class Commits:
    """Looks at the changes of each commit; `report` is told what is wrong."""

    def __init__(
        self,
        memories: dict[str, Memory],
        report: Callable[[str], None],
        attempts: int,
        deleting: Callable[[], Collection[str]],
    ) -> None:
        self._memories = memories
        self._report = report
        self._attempts = attempts
        self._deleting = deleting
        """People whose deletion somebody has asked for."""
        self._acknowledged: set[str] = set()

    def acknowledged(self, message: Outgoing) -> None:
        """The broker has, or says that it has, a message."""
        self._acknowledged.add(message.id)

    def look(self, service: str, changes: list[Change]) -> None:
        """Looks at one commit of a service."""
        runs = {key: (before, after) for table, key, before, after in changes if table == RUNS}
        for table, _, before, after in changes:
            if table == OUTBOX and after is None:
                self._left(before)
        for before, after in runs.values():
            self._moved(before, after)
        match service:
            case "credits":
                self._credits(changes)
            case "research":
                self._research(changes, runs)
            case "context":
                self._context(changes, runs)

    def _left(self, message: Outgoing | None) -> None:
        """A message has left the outbox."""
        if message is None or message.type in WITHDRAWN or message.id in self._acknowledged:
            return
        self._report(f"{message.type} {message.key} left the outbox unpublished")

    def _moved(self, before: Any, after: Any) -> None:
        if after.attempt > self._attempts:
            self._report(f"run {after.id} is at attempt {after.attempt} of {self._attempts}")
        if before is None or before.state is not RunState.WORKING:
            return
        if after.error_code == NOTHING_READ and after.error_message not in (None, before.token):
            self._report(f"run {before.id} was failed by another lease than its own")

    def _credits(self, changes: list[Change]) -> None:
        for table, key, before, after in changes:
            if table == HOLDS:
                state = before.state if before else None
                if after is None or not may_move(state, after.state):
                    self._report(f"hold {key} went from {state} to {after and after.state}")
            if table == ENTRIES and before is not None:
                self._report(f"entry {key} was changed")

    def _research(self, changes: list[Change], runs: dict[str, Any]) -> None:
        undone = {
            run.person_id for _, run in runs.values() if run.creates_person and run.state in UNDONE
        }
        going = {key for table, key, _, after in changes if table == PEOPLE and after is None}
        for person_id in going - undone - set(self._deleting()):
            self._report(f"person {person_id} went, and nobody had asked for that")
        for table, key, before, report in changes:
            if table != REPORTS:
                continue
            if report is None:
                if key[0] not in going:
                    self._report(f"report {key} went, and its person did not")
            elif before is None:
                leased, _ = runs.get(report.run_id, (None, None))
                if leased is None or report.content.generator != generator_of(leased.token):
                    self._report(f"run {report.run_id} has the report of another lease")
        for before, run in runs.values():
            if before is None and run.rejected_as is Outcome.ALREADY_RUNNING:
                person = self._memories["research"].table(PEOPLE).get(run.person_id)
                if person is None or person.active_run_id is None:
                    self._report(f"run {run.id} lost its person to nobody")

    def _context(self, changes: list[Change], runs: dict[str, Any]) -> None:
        moved: dict[str, list[tuple[ContextRun | None, ContextRun]]] = {}
        for before, run in runs.values():
            if before or run.open:
                moved.setdefault(run.user_id, []).append((before, run))
        for table, user_id, before, after in changes:
            if table != PROFILES or before is after:
                continue
            if user_id not in moved:
                self._report(f"the profile of {user_id} was changed by no regeneration")
                continue
            emptied = rows.filled(before) - rows.filled(after)
            if emptied:
                self._report(f"the context of {user_id} lost {', '.join(sorted(emptied))}")
            self._profile(before, after, moved[user_id])

    def _profile(
        self,
        before: Profile | None,
        after: Profile | None,
        moved: list[tuple[ContextRun | None, ContextRun]],
    ) -> None:
        """What the regenerations of one commit did to the profile of their user."""
        written = after.generator if after else None
        leases = {generator_of(leased.token) for leased, _ in moved if leased}
        if written not in {before.generator if before else None, *leases}:
            self._report(f"{written} wrote the context of {moved[0][1].user_id} without a lease")
        for _, run in moved:
            if run.state is not RunState.ROLLED_BACK or run.freeform is None or before is None:
                continue
            words = after.freeform if after else None
            if before.freeform == run.freeform and words != run.prior_freeform:
                self._report(f"regeneration {run.id} was undone, and left its words behind")
