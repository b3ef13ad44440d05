"""The nine statements, and all checks of rows that were read at one instant."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from libs.audit.answers import answers_were_true
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
    held_sums,
    holds_resolve_once,
    posted_sums,
    transfers_balance,
)
from libs.audit.people import (
    open_runs_have_their_person,
    people_name_their_run,
    people_stand_as_their_last_run_left_them,
)
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
    Answer,
    ContextRunRow,
    EntryRow,
    HoldRow,
    PersonRow,
    ProfileRow,
    ReportRow,
    ResearchRunRow,
)
from libs.audit.violation import Violation

STATEMENTS = {
    1: "A person has at most one open run, the one that they name.",
    2: "A run has at most one hold, charge and refund, and a refund only after a charge.",
    3: "Accounts are the sum of their entries and open holds, never below zero; all is zero.",
    4: "Only what is to be paid for has cost something, and people are as their last run says.",
    5: "Every run ends, and every ended run gets settled.",
    6: "A user has at most one regeneration in a window, returned slots not counted.",
    7: "Who was answered 200 finds the run; who got an error left nothing behind.",
    8: "Report versions have no gaps, and what was generated is there, with evidence.",
    9: "No tenant sees what is another's, nor that it exists.",
}
"""What must always hold, by number, in short."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the checks are told of the deployment: its `window`, and whether failed runs are paid
    for. `grace` is how long a run may take to end, and an ended one to settle."""

    window: timedelta
    grace: timedelta = timedelta.max
    charge_failed: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of the three databases at one instant, and what clients were told so far."""

    people: Collection[PersonRow] = ()
    runs: Collection[ResearchRunRow] = ()
    reports: Collection[ReportRow] = ()
    accounts: Collection[AccountRow] = ()
    holds: Collection[HoldRow] = ()
    entries: Collection[EntryRow] = ()
    profiles: Collection[ProfileRow] = ()
    regenerations: Collection[ContextRunRow] = ()
    answers: Collection[Answer] = ()


def violations(rows: Rows, rules: Rules, now: datetime) -> list[Violation]:
    """What is wrong with the rows, by all checks; takes time linear in them."""
    return [
        *_research(rows, rules, now),
        *_credits(rows),
        *_both(rows, rules, now),
        *_context(rows, rules, now),
        *answers_were_true(rows.answers, rows.runs, rows.regenerations, rows.people, rows.holds),
    ]


def _context(rows: Rows, rules: Rules, now: datetime) -> list[Violation]:
    return [
        *regenerations_end(rows.regenerations, now=now, grace=rules.grace),
        *one_regeneration_a_window(rows.regenerations, window=rules.window),
        *slots_are_those_of_their_regenerations(
            rows.profiles, rows.regenerations, now=now, window=rules.window
        ),
        *contexts_rest_on_evidence(rows.profiles, rows.regenerations),
    ]


def _research(rows: Rows, rules: Rules, now: datetime) -> list[Violation]:
    return [
        *people_name_their_run(rows.people, rows.runs),
        *open_runs_have_their_person(rows.runs, rows.people),
        *people_stand_as_their_last_run_left_them(rows.people, rows.runs),
        *versions_have_no_gaps(rows.reports),
        *reports_have_their_run(rows.reports, rows.runs),
        *complete_runs_have_their_report(rows.runs, rows.reports, rows.people),
        *runs_end_and_settle(
            rows.runs, now=now, grace=rules.grace, charge_failed=rules.charge_failed
        ),
    ]


def _credits(rows: Rows) -> list[Violation]:
    used = chain((e.account_id for e in rows.entries), (h.account_id for h in rows.holds))
    return [
        *holds_resolve_once(rows.holds, rows.entries),
        *entries_have_their_hold(rows.entries, rows.holds),
        *accounts_add_up(rows.accounts, posted_sums(rows.entries), held_sums(rows.holds)),
        *accounts_exist(used, rows.accounts),
        *transfers_balance(rows.entries),
    ]


def _both(rows: Rows, rules: Rules, now: datetime) -> list[Violation]:
    failed = rules.charge_failed
    return [
        *holds_agree_with_their_run(rows.runs, rows.holds, charge_failed=failed),
        *settled_runs_cost_what_they_should(rows.runs, rows.entries, charge_failed=failed),
        *holds_have_their_run(rows.holds, rows.runs),
        *nothing_is_held_for_long_after_the_end(rows.runs, rows.holds, now=now, grace=rules.grace),
    ]
