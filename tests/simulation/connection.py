"""A process's way to its database, and what goes wrong on it."""

import asyncio

from tests.simulation.database import Session
from tests.simulation.faults import Faults
from tests.simulation.process import Process

STATEMENT_S = 0.005


class Server:
    """A service's database server: up or away."""

    def __init__(self) -> None:
        self.up = True


class Connection:
    """See `database.Surroundings`."""

    def __init__(self, process: Process, server: Server, faults: Faults, yields: float) -> None:
        self._process = process
        self._server = server
        self._faults = faults
        self._yields = yields
        """How often a statement lets others run first."""

    async def statement(self) -> None:
        # The most frequent step of all: no more calls than it needs.
        if self._process.crash_in is not None:
            await self._process.point()
        if not self._server.up:
            raise ConnectionRefusedError("the database is away")
        faults = self._faults
        chance = faults.random.random()
        if chance < self._yields:
            await asyncio.sleep(chance * STATEMENT_S)
        elif faults.on and chance > 1.0 - faults.odds.statement:
            faults.counts["statement failed"] += 1
            raise ConnectionResetError("the connection to the database broke")

    committing = statement

    async def committed(self) -> None:
        if self._faults.strike("commit not confirmed", self._faults.odds.commit_unknown):
            raise ConnectionResetError("the connection broke before the commit was confirmed")
        await self._process.point()

    def opened(self, session: Session) -> None:
        self._process.open[session] = None

    def closed(self, session: Session) -> None:
        self._process.open.pop(session, None)
