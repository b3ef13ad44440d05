"""What keeps the messaging tables small."""

from datetime import timedelta
from typing import Any

from libs.messaging.unit import Units

INBOX_KEPT = timedelta(days=31)
"""A day longer than dead letters are: one that is replayed shall be known if it was handled."""


async def forget_handled(units: Units[Any]) -> None:
    """Drops inbox rows that no redelivery can ask for any more."""
    async with units.begin() as unit:
        await unit.inbox.forget(unit.now - INBOX_KEPT)
