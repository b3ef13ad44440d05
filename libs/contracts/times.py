"""Times as the API shows them."""

from datetime import UTC, datetime


def milliseconds(time: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`: `2026-04-22T10:15:00.000Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
