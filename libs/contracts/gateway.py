"""The answer to a command, on its way back to the gateway process that waits for it."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import AwareDatetime

from libs.contracts.envelope import Message


class Outcome(StrEnum):
    """How an owner decided a command."""

    ACCEPTED = "accepted"
    NOT_FOUND = "not_found"
    ALREADY_RUNNING = "already_running"
    ALREADY_COMPLETE = "already_complete"
    PERSON_EXISTS = "person_exists"
    PAYMENT_REQUIRED = "payment_required"
    WINDOW_CLOSED = "window_closed"
    UNAVAILABLE = "unavailable"
    """Nothing was done, or all of it was undone: the caller may try again."""
    CONFLICT = "conflict"
    """The run id was used before for something else."""


class Reply(Message):
    """The outcome of a command, and the members that its HTTP answer needs."""

    KEY: ClassVar[str] = "run_id"

    run_id: str
    outcome: Outcome
    current_run_id: str | None = None
    balance: int | None = None
    required: int | None = None
    regenerated_at: AwareDatetime | None = None
    next_available_at: AwareDatetime | None = None
    person: dict[str, Any] | None = None
    """The person that an accepted request brought, as the API shows them."""
