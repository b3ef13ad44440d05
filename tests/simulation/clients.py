"""The users: what they ask for, and what they remember of the answers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from libs.audit.rows import Answer
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
    """A request as its sender remembers it, to be sent again under the same id."""

    run_id: str
    person_id: str | None
    refresh: bool = False
    new: NewPerson | None = None
    freeform: str | None = None


@dataclass
class User:
    """One user. Their actions are chosen at random; their answers go to `heard`."""

    id: str
    system: System
    heard: Callable[[Answer], None]
    people: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    accepted: list[Request] = field(default_factory=list)
    others: list["User"] = field(default_factory=list)
    granted: dict[str, int] = field(default_factory=dict)
    trespasses: list[str] = field(default_factory=list)
    """Answers that show what is another user's."""
    _added: int = 0
    _sends: Counter[str] = field(default_factory=Counter)
    _in_flight: Counter[str] = field(default_factory=Counter)
    _unknown: set[str] = field(default_factory=set)
    """Run ids of requests whose outcome was not heard, once at least."""

    async def live(self, actions: int, pause_s: float) -> None:
        """Does a number of things, some of them at once."""
        random = self.system.random
        under_way: list[asyncio.Task[Any]] = []
        for _ in range(actions):
            await asyncio.sleep(random.expovariate(1 / pause_s))
            under_way += [asyncio.ensure_future(work) for work in self._next()]
        await asyncio.gather(*under_way)

    def _next(self) -> list[Coroutine[Any, Any, None]]:
        random = self.system.random
        chance = random.random()
        if not self.people or chance < 0.35:
            return [self.add()]
        person = random.choice(self.people)
        if chance < 0.60:
            times = random.choice((1, 1, 1, 2, 3))
            return [self.run(person, refresh=random.random() < 0.7) for _ in range(times)]
        if chance < 0.72:
            return [self.regenerate() for _ in range(random.choice((1, 1, 2)))]
        if chance < 0.77:
            return [self.repeat()]
        if chance < 0.80:
            return [self.meddle()]
        if chance < 0.88:
            return [self.cancel()]
        if chance < 0.94:
            return [self.delete(person)]
        return [self.grant(random.randint(1, 3))]

    # Requests.

    async def add(self) -> None:
        """Adds a person, sometimes one who is there already."""
        self._added += 1
        person_id = f"{self.id}-p{self._added}"
        slug = f"slug{self.system.random.randint(1, 20)}"
        new = NewPerson(linkedin_url=f"https://www.linkedin.com/in/{slug}")
        await self._request(Request(self._run_id(), person_id, new=new))

    async def run(self, person_id: str, *, refresh: bool) -> None:
        await self._request(Request(self._run_id(), person_id, refresh))

    async def regenerate(self) -> None:
        words = self.system.random.choice((None, "words", "other words"))
        await self._request(Request(self._run_id(), None, freeform=words))

    async def repeat(self) -> None:
        """Sends an old request once more, under the same id."""
        if self.sent:
            await self._request(self.system.random.choice(self.sent))

    async def meddle(self) -> None:
        """Asks for what is another user's: their person, or their run's id."""
        others = [other for other in self.others if other.people and other.accepted]
        if not others:
            return
        other = self.system.random.choice(others)
        theirs = self.system.random.choice(other.accepted)
        if self.system.random.random() < 0.5:
            request = Request(self._run_id(), self.system.random.choice(other.people))
        else:
            request = Request(theirs.run_id, theirs.person_id)
        status = await self._call(request)
        if status == 200:
            self.trespasses.append(f"{self.id} was let do {request} of {other.id}")

    async def _request(self, request: Request) -> None:
        self.sent.append(request)
        for _ in range(TRIES):
            status = await self._send(request)
            # A lost connection or an unknown outcome: the same request again, under its id.
            if status not in (None, 504) or self.system.random.random() < 0.4:
                return
            await asyncio.sleep(RETRY_S)

    async def _send(self, request: Request) -> int | None:
        """Sends a request and remembers what is answered."""
        self._sends[request.run_id] += 1
        turn = self._sends[request.run_id]
        self.heard(self._answer(request, None))  # What was heard before may not be true any more.
        self._in_flight[request.run_id] += 1
        status = await self._call(request)
        self._in_flight[request.run_id] -= 1
        if status == 200:
            self.accepted.append(request)
            if request.new and request.person_id and request.person_id not in self.people:
                self.people.append(request.person_id)
        elif self._in_flight[request.run_id] or turn != self._sends[request.run_id]:
            status = None  # It is under way once more: what this answer says may not stay true.
        elif status == 503 and request.run_id in self._unknown:
            status = None  # It says that nothing was done now; an earlier call may have done it.
        if status in (None, 504):
            self._unknown.add(request.run_id)
        self.heard(self._answer(request, status))
        return status

    def _answer(self, request: Request, status: int | None) -> Answer:
        kind = "context" if request.person_id is None else "research"
        brings = request.new is not None
        return Answer(self.id, request.run_id, status, request.person_id, brings, kind)

    async def _call(self, request: Request) -> int | None:
        """The status that some gateway answers, None where the connection is lost."""
        process = self.system.any("gateway")
        if process is None:
            return None
        gateway: Gateway = self.system.services[process.name]
        try:
            status: int = await self.system.world.call(
                process, lambda: self._route(gateway, request), CLIENT_TIMEOUT_S
            )
        except httpx.HTTPError:
            return None
        return status

    async def _route(self, gateway: Gateway, request: Request) -> int:
        """As the gateway's routes ask and answer."""
        try:
            reply = await self._ask(gateway, request)
            accepted(reply, "person", gateway.clock())
        except Problem as problem:
            return problem.status
        return 200

    async def _ask(self, gateway: Gateway, request: Request) -> Reply:
        common = {"run_id": request.run_id, "user_id": self.id}
        trace = new_traceparent(gateway.ids)
        if request.person_id is None:
            return await gateway.commands.ask(
                ContextRegenerateRequested(
                    **common,
                    not_after=gateway.commands.deadline(),
                    website="https://example.com",
                    freeform_context=request.freeform,
                ),
                **common,
                owner=gateway.owners["context"],
                run_path="",
                trace=trace,
            )
        return await gateway.commands.ask(
            ResearchRunRequested(
                **common,
                person_id=request.person_id,
                refresh=request.refresh,
                new_person=request.new,
                not_after=gateway.commands.deadline(),
            ),
            **common,
            owner=gateway.owners["research"],
            needs=[gateway.owners["credits"]],
            run_path="",
            trace=trace,
        )

    # What goes to the owners directly.

    async def grant(self, amount: int) -> None:
        """An administrator grants credits, with the same id until it is confirmed."""
        grant_id = f"grant_{self.system.ids()}"
        self.granted[grant_id] = amount

        async def post(units: Any) -> bool:
            async with units.begin() as unit:
                await grant_credits(unit, self.system.ids, self.id, grant_id, amount, "simulated")
            return True

        await self._persist("credits", post)

    async def cancel(self) -> None:
        if not self.sent:
            return
        request = self.system.random.choice(self.sent)
        if request.person_id is None:
            return

        async def end(service: Any) -> bool:
            async with service.units.begin() as unit:
                await service.saga.end(unit, CANCELLED, [request.run_id])
            return True

        await self._persist("research", end)

    async def delete(self, person_id: str) -> None:
        async def gone(service: Any) -> bool:
            async with service.units.begin() as unit:
                await delete_person(unit, service.saga, self.system.ids, self.id, person_id)
            return True

        if await self._persist("research", gone) and person_id in self.people:
            self.people.remove(person_id)

    async def _persist(self, role: str, work: Callable[[Any], Awaitable[bool]]) -> bool:
        for _ in range(TRIES):
            try:
                done: bool = await self.system.ask(self.system.world, role, work, CALL_TIMEOUT_S)
            except httpx.HTTPError:
                await asyncio.sleep(RETRY_S)
            else:
                return done
        return False

    def _run_id(self) -> str:
        return f"run_{self.system.ids()}"
