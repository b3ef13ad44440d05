"""The databases of a world, and where its services may crash."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.messaging.testing import ControlledBus, Crash
from libs.messaging.unit import PostgresDatabase, Transaction
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade

SERVICES = ("credits", "research", "context")


class Passing(Protocol):
    """What services tell when they pass a crash point."""

    bus: ControlledBus

    def pass_by(self, service: str, point: str) -> None: ...


@dataclass
class Databases:
    """The three databases, migrated once and emptied before each world."""

    engines: dict[str, AsyncEngine]

    @classmethod
    async def create(cls, database_url: Callable[[str], str]) -> "Databases":
        engines = {}
        for service in SERVICES:
            url = database_url(service)
            await asyncio.to_thread(upgrade, service, url)
            engines[service] = create_engine(url)
        return cls(engines)

    async def clear(self) -> None:
        for engine in self.engines.values():
            async with engine.begin() as connection:
                names = await connection.scalars(
                    sa.text(
                        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
                        "AND tablename <> 'alembic_version'"
                    )
                )
                await connection.execute(sa.text(f"TRUNCATE {', '.join(names)}"))

    async def close(self) -> None:
        for engine in self.engines.values():
            await engine.dispose()


@dataclass
class CrashPlan:
    """Crash `service` the `nth` time that it passes `point`."""

    service: str
    point: str
    nth: int = 1
    passed: int = 0
    happened: bool = False

    def pass_by(self, service: str, point: str) -> None:
        if self.happened or (service, point) != (self.service, self.point):
            return
        self.passed += 1
        if self.passed == self.nth:
            self.happened = True
            raise Crash(f"{service} at {point}")


CRASH_POINTS = ("before commit", "after commit", "after publish", "before ack")


class CrashingDatabase(PostgresDatabase[Any]):
    """A database that passes the crash points around a commit."""

    def __init__(self, service: str, world: Passing, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._service = service
        self._world = world

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction[Any]]:
        async with super().begin() as transaction:
            yield transaction
            self._world.pass_by(self._service, "before commit")
        self._world.pass_by(self._service, "after commit")


class CrashingBus:
    """One service's way to the bus, with the crash point after a publish."""

    def __init__(self, service: str, world: Passing) -> None:
        self._service = service
        self._world = world

    async def publish(self, messages: Any) -> Any:
        acks = await self._world.bus.publish(messages)
        self._world.pass_by(self._service, "after publish")
        return acks
