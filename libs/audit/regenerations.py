"""Slots and what regenerations leave in a context: statements 6 and 8."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from libs.audit.rows import ContextRunRow, ProfileRow
from libs.audit.violation import Violation


def one_regeneration_a_window(
    runs: Iterable[ContextRunRow], *, window: timedelta
) -> list[Violation]:
    """Regenerations that keep their slot are a window apart, and each found the slot free.

    Needs all regenerations of each user that keep their slot.
    """
    found: list[Violation] = []
    kept: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for run in runs:
        if run.stamp and run.prior_stamp and run.stamp - run.prior_stamp < window:
            detail = f"it took the slot at {run.stamp}, which was taken since {run.prior_stamp}"
            found.append(Violation(6, "one regeneration a window", run.id, detail))
        if run.keeps_slot and run.stamp is None:
            detail = f"it is {run.state}, and has no stamp"
            found.append(Violation(6, "one regeneration a window", run.id, detail))
        elif run.keeps_slot and run.stamp is not None:
            kept[run.user_id].append((run.stamp, run.id))
    for user_id, stamps in kept.items():
        stamps.sort()
        for (one, first), (other, second) in pairwise(stamps):
            if other - one < window:
                detail = f"{first} at {one} and {second} at {other} are less than {window} apart"
                found.append(Violation(6, "one regeneration a window", user_id, detail))
    return found


def slots_are_those_of_their_regenerations(
    profiles: Iterable[ProfileRow],
    runs: Iterable[ContextRunRow],
    *,
    now: datetime,
    window: timedelta,
) -> list[Violation]:
    """A slot is taken by the newest regeneration that keeps it, and free where none does.

    Stamps that are older than the window bind nobody and may differ. Needs all regenerations
    of each user that keep their slot, and the profiles of their users.
    """
    stamps = {profile.user_id: profile.stamp for profile in profiles}
    newest: dict[str, datetime] = {}
    for run in runs:
        if run.keeps_slot and run.stamp is not None:
            newest[run.user_id] = max(run.stamp, newest.get(run.user_id, run.stamp))

    def closed_by(stamp: datetime | None) -> datetime | None:
        return stamp if stamp is not None and stamp + window > now else None

    found: list[Violation] = []
    for user_id in stamps.keys() | newest.keys():
        there, wanted = closed_by(stamps.get(user_id)), closed_by(newest.get(user_id))
        if there != wanted:
            detail = f"it is taken since {there}, and should be since {wanted}"
            name = "slots are those of their regenerations"
            found.append(Violation(6, name, user_id, detail))
    return found


def contexts_rest_on_evidence(
    profiles: Iterable[ProfileRow], runs: Iterable[ContextRunRow]
) -> list[Violation]:
    """A user with a complete regeneration has a context, and each generated field its evidence.

    Needs the profiles of all the runs' users.
    """
    by_user = {profile.user_id: profile for profile in profiles}
    found: list[Violation] = []
    for user_id in {run.user_id for run in runs if run.state == "complete"}:
        if user_id not in by_user or not by_user[user_id].filled:
            detail = "a regeneration is complete, and the context is empty"
            found.append(Violation(8, "contexts rest on evidence", user_id, detail))
    for profile in by_user.values():
        if profile.malformed:
            detail = f"no fields, but something else in {', '.join(sorted(profile.malformed))}"
            found.append(Violation(8, "contexts rest on evidence", profile.user_id, detail))
        if bare := profile.filled - profile.evidenced:
            detail = f"no evidence for {', '.join(sorted(bare))}"
            found.append(Violation(8, "contexts rest on evidence", profile.user_id, detail))
    return found
