"""What the owners' decisions are over HTTP."""

from datetime import datetime
from typing import Any

from libs.contracts.gateway import Outcome, Reply
from libs.contracts.times import milliseconds
from services.gateway.problems import Problem, not_found, unavailable


def accepted(reply: Reply, what: str, now: datetime) -> Reply:
    """The reply, if the command was accepted.

    Raises:
        Problem: it was not.
    """
    match reply.outcome:
        case Outcome.ACCEPTED:
            return reply
        case Outcome.NOT_FOUND:
            raise not_found(what)
        case Outcome.ALREADY_RUNNING:
            raise _conflict(
                reply, "already-running", "A run on this person has not ended yet. Wait for it."
            )
        case Outcome.ALREADY_COMPLETE:
            raise _conflict(
                reply,
                "already-complete",
                "There is a report on this person. Run again with ?refresh=true to renew it.",
            )
        case Outcome.PERSON_EXISTS:
            raise _conflict(
                reply, "person-exists", "You already have a person with this LinkedIn profile."
            )
        case Outcome.CONFLICT:
            raise _conflict(reply, "conflict", "This run id belongs to another request.")
        case Outcome.PAYMENT_REQUIRED:
            raise Problem(
                402,
                "payment-required",
                f"This costs {reply.required} credits, and there are {reply.balance}.",
                balance=reply.balance,
                required=reply.required,
            )
        case Outcome.WINDOW_CLOSED:
            assert reply.next_available_at is not None
            wait = max(1, -int((now - reply.next_available_at).total_seconds() // 1))
            available = milliseconds(reply.next_available_at)
            raise Problem(
                429,
                "rate-limited",
                f"The context was regenerated recently. The next time is {available}.",
                headers={"Retry-After": str(wait)},
                nextAvailableAt=available,
            )
        case Outcome.UNAVAILABLE:
            raise unavailable("The request could not be carried out and was undone. Try again.")


def _conflict(reply: Reply, kind: str, detail: str) -> Problem:
    current: dict[str, Any] = {"currentRunId": reply.current_run_id} if reply.current_run_id else {}
    return Problem(409, kind, detail, **current)
