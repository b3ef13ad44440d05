"""What a user can ask for: the gateway's commands, and what goes to the owners directly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from libs.contracts.context import ContextRegenerateRequested
from libs.contracts.gateway import Reply
from libs.contracts.research import NewPerson, ResearchRunRequested
from libs.messaging.clock import new_traceparent
from services.credits.handlers import grant_credits
from services.gateway.outcomes import accepted
from services.gateway.problems import Problem
from services.research.handlers import delete_person
from services.research.saga import CANCELLED
from tests.simulation.peers import Gateway
from tests.simulation.system import System

CLIENT_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 5.0
TRIES = 4
RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a run as its sender remembers it, to be sent again under the same id."""

    run_id: str
    person_id: str | None
    refresh: bool = False
    new: NewPerson | None = None
    freeform: str | None = None

    @property
    def kind(self) -> str:
        return "context" if self.person_id is None else "research"


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer. Without a `status` the connection was lost."""

    status: int | None
    reply: Reply | None = None
    members: dict[str, Any] = field(default_factory=dict)
    """What an error says besides."""


class Api:
    """One user's way into the system."""

    def __init__(self, system: System, user_id: str) -> None:
        self._system = system
        self._user_id = user_id

    async def ask(self, request: Request) -> Heard:
        """Sends a request through some gateway."""
        process = self._system.any("gateway")
        if process is None:
            return Heard(None)
        gateway: Gateway = self._system.services[process.name]
        try:
            heard: Heard = await self._system.world.call(
                process, lambda: self._route(gateway, request), CLIENT_TIMEOUT_S
            )
        except httpx.HTTPError:
            return Heard(None)
        return heard

    async def _route(self, gateway: Gateway, request: Request) -> Heard:
        """As the gateway's routes ask and answer."""
        try:
            reply = await self._command(gateway, request)
            return Heard(200, accepted(reply, "person", gateway.clock()))
        except Problem as problem:
            return Heard(problem.status, members=problem.members)

    async def _command(self, gateway: Gateway, request: Request) -> Reply:
        deadline = gateway.commands.deadline()
        trace = new_traceparent(gateway.ids)
        if request.person_id is None:
            return await gateway.commands.ask(
                ContextRegenerateRequested(
                    run_id=request.run_id,
                    user_id=self._user_id,
                    not_after=deadline,
                    website="https://example.com",
                    freeform_context=request.freeform,
                ),
                run_id=request.run_id,
                user_id=self._user_id,
                owner=gateway.owners["context"],
                run_path="",
                trace=trace,
            )
        return await gateway.commands.ask(
            ResearchRunRequested(
                run_id=request.run_id,
                user_id=self._user_id,
                person_id=request.person_id,
                refresh=request.refresh,
                new_person=request.new,
                not_after=deadline,
            ),
            run_id=request.run_id,
            user_id=self._user_id,
            owner=gateway.owners["research"],
            needs=[gateway.owners["credits"]],
            run_path="",
            trace=trace,
        )

    async def grant(self, grant_id: str, amount: int) -> bool:
        """An administrator grants credits; True once that is confirmed."""

        async def post(units: Any) -> bool:
            async with units.begin() as unit:
                await grant_credits(
                    unit, self._system.ids, self._user_id, grant_id, amount, "simulated"
                )
            return True

        return await self._persist("credits", post) is not None

    async def cancel(self, run_id: str) -> None:
        """Ends a run as deleting its person would."""

        async def end(service: Any) -> bool:
            async with service.units.begin() as unit:
                await service.saga.end(unit, CANCELLED, [run_id])
            return True

        await self._persist("research", end)

    async def delete(self, person_id: str) -> bool | None:
        """Deletes a person; False if there is none of that id, None if that is unknown."""

        async def gone(service: Any) -> bool:
            async with service.units.begin() as unit:
                return await delete_person(
                    unit, service.saga, self._system.ids, self._user_id, person_id
                )

        return await self._persist("research", gone)

    async def _persist(self, role: str, work: Callable[[Any], Awaitable[bool]]) -> bool | None:
        for _ in range(TRIES):
            try:
                done: bool = await self._system.ask(self._system.world, role, work, CALL_TIMEOUT_S)
            except httpx.HTTPError:
                await asyncio.sleep(RETRY_S)
            else:
                return done
        return None
