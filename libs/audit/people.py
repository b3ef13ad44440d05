"""People and the runs that have them: statement 1, and what ended runs left of a person."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from libs.audit.rows import PersonRow, ResearchRunRow
from libs.audit.violation import Violation

CLOCKS_DIFFER = timedelta(seconds=2)
"""How far the clocks of the processes that end runs may be apart."""


def people_name_their_run(
    people: Iterable[PersonRow], runs: Iterable[ResearchRunRow]
) -> list[Violation]:
    """A person is `running` exactly while they name a run, and that run is open and theirs.

    Needs all runs of the people.
    """
    by_id = {run.id: run for run in runs}
    found: list[Violation] = []
    for person in people:
        wrong = _wrong_with(person, by_id.get(person.active_run_id or ""))
        if wrong:
            found.append(Violation(1, "people name their run", person.id, wrong))
    return found


def _wrong_with(person: PersonRow, run: ResearchRunRow | None) -> str | None:
    if (person.status == "running") != (person.active_run_id is not None):
        return f"the status is {person.status}, and the active run {person.active_run_id}"
    if person.active_run_id is None:
        return None
    if run is None:
        return f"there is no run {person.active_run_id}, which they name"
    if not run.open:
        return f"the run {run.id}, which they name, is {run.state}"
    if (run.person_id, run.user_id) != (person.id, person.user_id):
        return f"the run {run.id}, which they name, is that of somebody else"
    return None


def open_runs_have_their_person(
    runs: Iterable[ResearchRunRow], people: Iterable[PersonRow]
) -> list[Violation]:
    """An open run is named by its person. Hence no person has two.

    Needs the people of all the runs.
    """
    by_id = {person.id: person for person in people}
    found: list[Violation] = []
    for run in runs:
        if not run.open:
            continue
        person = by_id.get(run.person_id)
        if person is None or person.user_id != run.user_id:
            detail = f"it is {run.state}, and its user has no person {run.person_id}"
        elif person.active_run_id != run.id:
            detail = f"it is {run.state}, and its person names {person.active_run_id}"
        else:
            continue
        found.append(Violation(1, "open runs have their person", run.id, detail))
    return found


def people_stand_as_their_last_run_left_them(
    people: Iterable[PersonRow], runs: Iterable[ResearchRunRow]
) -> list[Violation]:
    """The status of a person is what the last run that had them made of it.

    Needs all runs of the people that had them. Runs whose ends are no further apart than
    clocks may be can have ended in any order.
    """
    ends: dict[str, list[tuple[datetime, ResearchRunRow]]] = defaultdict(list)
    for run in runs:
        if not run.open and run.had_person and run.ended_at is not None:
            ends[run.person_id].append((run.ended_at, run))
    found: list[Violation] = []
    for person in people:
        if person.status == "running":
            continue
        of_person = ends[person.id]
        last = max((at for at, _ in of_person), default=None)
        ended = [run for at, run in of_person if last and last - at <= CLOCKS_DIFFER]
        allowed = {_left_behind(run) for run in ended} or {"idle"}
        if person.status not in allowed:
            wanted = " or ".join(sorted(status or "gone" for status in allowed))
            after = f"after {' or '.join(run.id for run in ended)}" if ended else "without a run"
            detail = f"the status is {person.status}, and {after} should be {wanted}"
            found.append(
                Violation(4, "people stand as their last run left them", person.id, detail)
            )
    return found


def _left_behind(run: ResearchRunRow) -> str | None:
    """The status that an ended run leaves its person in; None if they go with it."""
    match run.state:
        case "complete" | "failed":
            return run.state
        case "rejected" | "rolled_back" if run.creates_person:
            return None
        case "rolled_back" if run.price is not None:
            return "complete" if run.prior_status == "complete" else "idle"
        case _:
            return run.prior_status
