"""The rows that the checks look at: of each table just the columns that they need."""

from dataclasses import dataclass
from datetime import datetime

OPEN = frozenset({"holding", "dispatching", "queued", "working"})
"""The states of a run that has not ended."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Of research: a person."""

    id: str
    user_id: str
    status: str
    active_run_id: str | None


@dataclass(frozen=True, slots=True)
class ResearchRunRow:
    """Of research: a run on a person. One with a `price` has reached `dispatching`, or was
    declined."""

    id: str
    user_id: str
    person_id: str
    state: str
    settlement: str
    price: int | None
    creates_person: bool
    prior_status: str
    rejected_as: str | None
    due_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    report_version: int | None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN

    @property
    def had_person(self) -> bool:
        """Whether it ever won its person: of the rejected ones only those that were declined."""
        return self.state != "rejected" or self.rejected_as == "payment_required"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """Of research: a version of a person's report."""

    person_id: str
    run_id: str
    version: int


@dataclass(frozen=True, slots=True)
class AccountRow:
    """Of credits: a tenant's account."""

    id: str
    posted: int
    held: int


@dataclass(frozen=True, slots=True)
class HoldRow:
    """Of credits: the credits of one run."""

    run_id: str
    account_id: str
    amount: int
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EntryRow:
    """Of credits: half of a transfer."""

    transfer_id: str
    account_id: str
    amount: int
    kind: str
    run_id: str | None

    @property
    def of_tenant(self) -> bool:
        """Whether it is on a tenant's account, not on one of the system's."""
        return not self.account_id.startswith("@")


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """Of context: a user's slot, and the paths of the generated fields that are not empty
    (`filled`) and of those that have evidence (`evidenced`); `malformed` names the columns
    that hold no fields at all."""

    user_id: str
    stamp: datetime | None
    filled: frozenset[str]
    evidenced: frozenset[str]
    malformed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContextRunRow:
    """Of context: a regeneration."""

    id: str
    user_id: str
    state: str
    created_at: datetime
    stamp: datetime | None
    prior_stamp: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    rejected_as: str | None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN

    @property
    def keeps_slot(self) -> bool:
        """Whether its slot is taken: it was accepted, and has not given the slot back."""
        return self.open or self.state == "complete"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told about a request of its own.

    `status` is that of HTTP, or None where the connection was lost; `person_id` is None where
    the client was not told of one; `kind` is `research` or `context`.
    """

    user_id: str
    run_id: str
    status: int | None
    person_id: str | None
    creates_person: bool
    kind: str
