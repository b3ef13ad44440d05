"""Time and ids as ports, so that a test or a simulation can decide both."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the current time, aware and in UTC."""

Ids = Callable[[], str]
"""Answers 128 random bits as 32 lower-case hex digits."""


def system_clock() -> datetime:
    return datetime.now(UTC)


def random_ids() -> str:
    return secrets.token_hex(16)


def new_traceparent(ids: Ids) -> str:
    """A W3C trace context that starts here."""
    return f"00-{ids()}-{ids()[:16]}-01"


def trace_id(traceparent: str) -> str:
    """The trace id of a W3C trace context, or an empty string."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""
