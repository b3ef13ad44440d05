"""A router in memory whose handlers do as they are told."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from libs.contracts.credits import CreditHeld, CreditVoided
from libs.messaging.bus import Incoming
from libs.messaging.router import Received, Route, Router
from libs.messaging.unit import Unit
from tests.support.memory import TRACE, MemoryBus, MemoryUnits, Time

Calls = list[tuple[str, list[str]]]


def held(account: str, run: str = "r") -> CreditHeld:
    return CreditHeld(run_id=run, account_id=account, amount=1, balance=0)


def voided(account: str, run: str = "r") -> CreditVoided:
    return CreditVoided(run_id=run, account_id=account, amount=1, balance=0)


class ShakyUnits(MemoryUnits[None]):
    """Units of a database that may be away: then `fails` answers the error."""

    def __init__(self) -> None:
        super().__init__(None)
        self.fails: Callable[[], Exception | None] = lambda: None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit[None]]:
        if error := self.fails():
            raise error
        async with super().begin() as unit:
            yield unit


class Desk:
    """A router whose handlers write down what they get, and fail when told to."""

    def __init__(self, *, once_by_key: bool = False) -> None:
        self.units = ShakyUnits()
        self.bus = MemoryBus()
        self.calls: Calls = []
        self.fails: Callable[[Sequence[Received[Any]]], Exception | None] = lambda group: None
        routes = [
            Route((CreditHeld,), self._handler("held"), once_by_key),
            Route((CreditVoided,), self._handler("voided"), once_by_key),
        ]
        self.router = Router(self.units, self.bus, Time(), routes)

    def _handler(self, name: str) -> Any:
        async def handle(unit: Unit[None], group: Sequence[Received[Any]]) -> None:
            if error := self.fails(group):
                raise error
            self.calls.append((name, [r.message.run_id for r in group]))
            for received in group:
                unit.emit(received.message, trace=TRACE)

        return handle

    async def take(self, *batch: Incoming) -> None:
        await self.router.handle(batch)
