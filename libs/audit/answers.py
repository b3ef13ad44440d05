"""What clients were told against what is there: statement 7."""

from collections import defaultdict
from collections.abc import Iterable

from libs.audit.credit_of_runs import RETURNED
from libs.audit.rows import Answer, ContextRunRow, HoldRow, PersonRow, ResearchRunRow
from libs.audit.violation import Violation

UNKNOWN = 504
"""The status that says that the outcome is not known."""
UNDONE = frozenset({"rejected", "rolled_back"})


def answers_were_true(
    answers: Iterable[Answer],
    runs: Iterable[ResearchRunRow],
    regenerations: Iterable[ContextRunRow],
    people: Iterable[PersonRow],
    holds: Iterable[HoldRow],
) -> list[Violation]:
    """A caller that got 2xx finds the run; one that got an error left nothing behind.

    Who lost the connection or was told that the outcome is unknown may find either. Needs
    all that the answers are about, and all runs that came with people.
    """
    research = {run.id: run for run in runs}
    of_context = {run.id: run for run in regenerations}
    there = {person.id for person in people}
    by_run = {hold.run_id: hold for hold in holds}
    brought: dict[str, set[str]] = defaultdict(set)
    for started in research.values():
        if started.creates_person and started.state not in UNDONE:
            brought[started.person_id].add(started.id)
    found: list[Violation] = []
    for answer in answers:
        if answer.status is None or answer.status == UNKNOWN:
            continue
        run = (research if answer.kind == "research" else of_context).get(answer.run_id)
        if answer.status < 300:
            wrong = _wrong_with_promise(answer, run)
        else:
            left = answer.creates_person and answer.person_id in there
            others = brought[answer.person_id] - {answer.run_id} if answer.person_id else set()
            wrong = _left_behind(answer, run, by_run.get(answer.run_id)) or (
                f"the person {answer.person_id} came all the same" if left and not others else None
            )
        if wrong:
            detail = f"{answer.user_id} was answered {answer.status}, and {wrong}"
            found.append(Violation(7, "answers were true", answer.run_id, detail))
    return found


def _wrong_with_promise(answer: Answer, run: ResearchRunRow | ContextRunRow | None) -> str | None:
    if run is None:
        return "there is no such run"
    if run.user_id != answer.user_id:
        return f"the run is of {run.user_id}"
    if run.state in UNDONE:
        return f"the run is {run.state}"
    if isinstance(run, ResearchRunRow) and answer.person_id not in (None, run.person_id):
        return f"the run is on {run.person_id}, not on {answer.person_id}"
    return None


def _left_behind(
    answer: Answer, run: ResearchRunRow | ContextRunRow | None, hold: HoldRow | None
) -> str | None:
    if run is not None and run.state not in UNDONE:
        return f"the run is {run.state}"
    if answer.kind != "research" or hold is None:
        return None
    settled = run is None or (isinstance(run, ResearchRunRow) and run.settlement in RETURNED)
    if hold.state == "charged" or (hold.state == "held" and settled):
        return f"{hold.amount} are {hold.state}"
    return None
