"""People and their runs: what may start, how a run stands with the credits, when it is settled."""

import re
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import NewPerson, ResearchRunRequested
from libs.contracts.times import milliseconds
from libs.work.run import Run, RunState

LINKEDIN_SLUG = re.compile(r"linkedin\.com/in/([^/?#\s]+)", re.IGNORECASE)


HIDDEN = frozenset({"active_run_id", "linkedin_slug"})
"""Fields of a person that only the service needs."""


class PersonStatus(StrEnum):
    """What the person's last run came to."""

    IDLE = "idle"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


class Settlement(StrEnum):
    """What credits has confirmed of a run."""

    NONE = "none"
    HELD = "held"
    CHARGED = "charged"
    VOIDED = "voided"
    REFUNDED = "refunded"
    DECLINED = "declined"


RETURNED = frozenset({Settlement.VOIDED, Settlement.REFUNDED, Settlement.DECLINED})
"""Final: the run costs nothing, and never will."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody a user wants to reach. `active_run_id` is set exactly while `status` is running."""

    id: str
    user_id: str
    status: PersonStatus
    active_run_id: str | None
    created_at: datetime
    updated_at: datetime
    first_name: str | None = None
    last_name: str | None = None
    linkedin_url: str | None = None
    linkedin_slug: str | None = None
    role: str | None = None
    company: str | None = None
    company_domain: str | None = None
    company_website: str | None = None
    photo_url: str | None = None
    last_enriched_at: datetime | None = None

    def shown(self) -> dict[str, Any]:
        """The person as the API shows them."""
        times = {"last_enriched_at", "created_at", "updated_at"}
        return {
            field.name: _iso(getattr(self, field.name))
            if field.name in times
            else getattr(self, field.name)
            for field in fields(self)
            if field.name not in HIDDEN
        }


@dataclass(frozen=True, kw_only=True)
class ResearchRun(Run):
    """A run on a person. `prior_status` is what the person goes back to if it is undone."""

    person_id: str
    refresh: bool = False
    creates_person: bool = False
    prior_status: PersonStatus = PersonStatus.IDLE
    settlement: Settlement = Settlement.NONE
    price: int | None = None
    balance: int | None = None
    """What could be spent when the hold was declined."""
    rejected_as: Outcome | None = None
    current_run_id: str | None = None
    """The run that was under way when this one was rejected for it."""
    report_version: int | None = None

    def lost(self, now: datetime) -> "ResearchRun":
        """A run that did not get its person: another run or another person was there first."""
        if not self.open:
            return self
        outcome = Outcome.PERSON_EXISTS if self.creates_person else Outcome.ALREADY_RUNNING
        return replace(
            self, state=RunState.REJECTED, rejected_as=outcome, ended_at=now, due_at=None
        )

    def granted(self, price: int, due_at: datetime) -> "ResearchRun | None":
        """`holding → dispatching`: credits holds the price."""
        if self.state is not RunState.HOLDING:
            return None
        return replace(
            self,
            state=RunState.DISPATCHING,
            settlement=Settlement.HELD,
            price=price,
            due_at=due_at,
        )

    def settled_as(self, settlement: Settlement, *, charge_failed: bool) -> "ResearchRun":
        """Stores what credits confirmed, unless something final was confirmed before."""
        if self.settlement in RETURNED or settlement is self.settlement:
            return self
        if settlement is Settlement.HELD and self.settlement is Settlement.CHARGED:
            return self
        after = replace(self, settlement=settlement)
        if not after.open and after.is_settled(charge_failed=charge_failed):
            return replace(after, due_at=None)
        return after

    def is_settled(self, *, charge_failed: bool) -> bool:
        """Whether the credits stand where the run's end wants them."""
        if self.state is RunState.REJECTED and self.rejected_as is not Outcome.PAYMENT_REQUIRED:
            return True  # No hold was ever asked for.
        if self.wants_charge(charge_failed=charge_failed):
            return self.settlement is Settlement.CHARGED
        return self.settlement in RETURNED

    def wants_charge(self, *, charge_failed: bool) -> bool:
        """Whether the run is to be paid for: dispatched, and not ended for nothing."""
        return self.state in (RunState.QUEUED, RunState.WORKING, RunState.COMPLETE) or (
            charge_failed and self.state is RunState.FAILED
        )

    def reply(self) -> Reply | None:
        """The recorded outcome of the request, or None while it is undecided."""
        match self.state:
            case RunState.HOLDING | RunState.DISPATCHING:
                return None
            case RunState.REJECTED:
                assert self.rejected_as is not None
                return Reply(
                    run_id=self.id,
                    outcome=self.rejected_as,
                    current_run_id=self.current_run_id,
                    balance=self.balance,
                    required=self.price if self.balance is not None else None,
                )
            case RunState.ROLLED_BACK:
                return Reply(run_id=self.id, outcome=Outcome.UNAVAILABLE)
            case _:
                return Reply(run_id=self.id, outcome=Outcome.ACCEPTED)


def refusal(person: Person | None, user_id: str, *, refresh: bool) -> Outcome | None:
    """Why a run on a person may not start, or None if it may.

    Only `idle` and `failed` become `running`; a refresh lets `complete` run again.
    Somebody else's person does not exist.
    """
    if person is None or person.user_id != user_id:
        return Outcome.NOT_FOUND
    if person.status is PersonStatus.RUNNING:
        return Outcome.ALREADY_RUNNING
    if person.status is PersonStatus.COMPLETE and not refresh:
        return Outcome.ALREADY_COMPLETE
    return None


def begin(
    request: ResearchRunRequested,
    person: Person | None,
    now: datetime,
    *,
    due_at: datetime,
    traceparent: str,
) -> tuple[ResearchRun, Person | None]:
    """The run that a request makes, and the person as the run wants them (None: rejected)."""
    run = ResearchRun(
        id=request.run_id,
        user_id=request.user_id,
        person_id=request.person_id,
        state=RunState.HOLDING,
        created_at=now,
        due_at=due_at,
        traceparent=traceparent,
        refresh=request.refresh,
    )
    if request.new_person is not None:
        return replace(run, creates_person=True), arrival(request, request.new_person, now)
    refused = refusal(person, request.user_id, refresh=request.refresh)
    if refused or person is None:
        rejected = replace(
            run,
            state=RunState.REJECTED,
            rejected_as=refused,
            current_run_id=person.active_run_id
            if refused is not Outcome.NOT_FOUND and person
            else None,
            ended_at=now,
            due_at=None,
        )
        return rejected, None
    running = replace(person, status=PersonStatus.RUNNING, active_run_id=run.id)
    return replace(run, prior_status=person.status), running


def linkedin_slug(url: str | None) -> str | None:
    """The part of a LinkedIn profile URL that names the person, lower case."""
    found = LINKEDIN_SLUG.search(url or "")
    return found.group(1).lower() if found else None


def arrival(request: ResearchRunRequested, new: NewPerson, now: datetime) -> Person:
    """A person who comes with their first run."""
    slug = linkedin_slug(new.linkedin_url)
    return Person(
        id=request.person_id,
        user_id=request.user_id,
        status=PersonStatus.RUNNING,
        active_run_id=request.run_id,
        created_at=now,
        updated_at=now,
        first_name=new.first_name,
        last_name=new.last_name,
        linkedin_url=f"https://www.linkedin.com/in/{slug}" if slug else None,
        linkedin_slug=slug,
        company=new.company,
        company_website=new.company_website,
        company_domain=_domain(new.company_website),
    )


def _iso(time: datetime | None) -> str | None:
    return milliseconds(time) if time else None


def _domain(website: str | None) -> str | None:
    host = urlsplit(website).hostname if website else None
    return host.removeprefix("www.") if host else None
