"""How processes reach each other over HTTP: gateways their owners, workers the owner of runs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from libs.contracts.gateway import Reply
from libs.contracts.work import Lease
from services.gateway.commands import Commands
from services.gateway.fresh import Fresh
from tests.simulation.bus import SimulatedBroker
from tests.simulation.connection import Server
from tests.simulation.process import Process

OWNER_TIMEOUT_S = 5.0
READY_TIMEOUT_S = 0.8
READ_TIMEOUT_S = 1.5


class Deployment(Protocol):
    """What is asked of the system."""

    @property
    def servers(self) -> dict[str, Server]: ...
    @property
    def broker(self) -> SimulatedBroker: ...

    async def ask(
        self, caller: Process, role: str, work: Callable[[Any], Awaitable[Any]], timeout_s: float
    ) -> Any: ...


class OwnerOf:
    """A gateway's way to a service that owns what commands are about."""

    def __init__(self, system: Deployment, process: Process, name: str) -> None:
        self.name = name
        self.ready = Fresh(self._look)
        self._system = system
        self._process = process

    async def _look(self) -> bool:
        async def healthy(_service: Any) -> bool:
            return self._system.servers[self.name].up and self._system.broker.up

        try:
            answer: bool = await self._system.ask(
                self._process, self.name, healthy, READY_TIMEOUT_S
            )
        except httpx.HTTPError:
            return False
        return answer

    async def resolve(self, run_id: str, user_id: str, subject_id: str) -> Reply | None:
        try:
            reply: Reply | None = await self._system.ask(
                self._process,
                self.name,
                lambda service: service.work.resolve(run_id, user_id, subject_id),
                READ_TIMEOUT_S,
            )
        except httpx.HTTPError:
            return None
        return reply


class ClaimsOf:
    """A worker's way to the owner of its runs. See `libs.work.client.OwnerClient`."""

    def __init__(self, system: Deployment, process: Process, name: str) -> None:
        self._system = system
        self._process = process
        self._name = name

    async def claim(self, run_id: str) -> Lease | None:
        lease: Lease | None = await self._system.ask(
            self._process,
            self._name,
            lambda service: service.work.claim(run_id, self._process.name),
            OWNER_TIMEOUT_S,
        )
        return lease

    async def heartbeat(self, lease: Lease) -> bool:
        kept: bool = await self._system.ask(
            self._process,
            self._name,
            lambda service: service.work.heartbeat(lease.run_id, lease.token),
            OWNER_TIMEOUT_S,
        )
        return kept


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the routes of a gateway work with."""

    commands: Commands
    owners: dict[str, OwnerOf]
    clock: Callable[[], datetime]
    ids: Callable[[], str]
