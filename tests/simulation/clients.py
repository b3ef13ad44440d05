"""The users: what they do, and what they remember of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from libs.audit.rows import Answer
from libs.contracts.research import NewPerson
from tests.simulation.api import RETRY_S, TRIES, Api, Heard, Request
from tests.simulation.system import System

NOT_YOURS = frozenset({None, 404, 409, 503, 504})
"""What may be answered to somebody who asks for what is another user's."""


@dataclass
class User:
    """One user. What they do is chosen at random; their answers go to `heard`."""

    id: str
    system: System
    heard: Callable[[Answer], None]
    complain: Callable[[str], None]
    """Told of answers that are wrong by themselves."""
    people: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    accepted: list[Request] = field(default_factory=list)
    others: list["User"] = field(default_factory=list)
    granted: dict[str, int] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    """Grants that were confirmed."""
    deleting: set[str] = field(default_factory=set)
    """People that they asked to delete."""
    deleted: set[str] = field(default_factory=set)
    """People whose deletion was confirmed."""
    _added: int = 0
    _sends: Counter[str] = field(default_factory=Counter)
    _in_flight: Counter[str] = field(default_factory=Counter)
    _unknown: set[str] = field(default_factory=set)
    """Run ids of requests whose outcome was not heard, once at least."""

    def __post_init__(self) -> None:
        self._api = Api(self.system, self.id)

    async def live(self, actions: int, pause_s: float) -> None:
        """Does a number of things, some of them at once."""
        random = self.system.random
        under_way: list[asyncio.Task[Any]] = []
        for _ in range(actions):
            await asyncio.sleep(random.expovariate(1 / pause_s))
            under_way += [asyncio.ensure_future(work) for work in self._next()]
        await asyncio.gather(*under_way)

    def _next(self) -> list[Coroutine[Any, Any, object]]:
        random = self.system.random
        chance = random.random()
        if chance < 0.22:
            return [self.regenerate() for _ in range(random.choice((1, 1, 2)))]
        if not self.people or chance < 0.50:
            return [self.add()]
        person = random.choice(self.people)
        if chance < 0.72:
            times = random.choice((1, 1, 1, 2, 3))
            return [self.run(person, refresh=random.random() < 0.7) for _ in range(times)]
        if chance < 0.78:
            return [self.repeat()]
        if chance < 0.83:
            return [self.meddle()]
        if chance < 0.89:
            return [self.cancel()]
        if chance < 0.95:
            return [self.delete(person)]
        return [self.grant(random.randint(1, 3))]

    # Requests.

    async def add(self) -> int | None:
        """Adds a person, sometimes one who is there already."""
        self._added += 1
        person_id = f"{self.id}-p{self._added}"
        slug = f"slug{self.system.random.randint(1, 20)}"
        new = NewPerson(linkedin_url=f"https://www.linkedin.com/in/{slug}")
        return await self._request(Request(self._run_id(), person_id, new=new))

    async def run(self, person_id: str, *, refresh: bool) -> int | None:
        return await self._request(Request(self._run_id(), person_id, refresh))

    async def regenerate(self) -> int | None:
        words = self.system.random.choice((None, "words", "other words"))
        return await self._request(Request(self._run_id(), None, freeform=words))

    async def repeat(self) -> None:
        """Sends an old request once more, under the same id."""
        if self.sent:
            await self._request(self.system.random.choice(self.sent))

    async def meddle(self) -> None:
        """Asks for what is another user's: their person, or their run's id."""
        others = [other for other in self.others if other.people and other.accepted]
        if not others:
            return
        random = self.system.random
        other = random.choice(others)
        person_id = random.choice(other.people)
        theirs = random.choice(other.accepted)
        match random.randrange(3):
            case 0:
                await self._trespass(Request(self._run_id(), person_id))
            case 1:
                await self._trespass(Request(theirs.run_id, theirs.person_id))
            case _ if await self._api.delete(person_id):
                self.complain(f"{self.id} was let delete {person_id} of {other.id}")

    async def _trespass(self, request: Request) -> None:
        heard = await self._api.ask(request)
        if heard.status not in NOT_YOURS or heard.members.get("currentRunId"):
            self.complain(f"{self.id} was answered {heard} to {request}, which is not theirs")

    async def _request(self, request: Request) -> int | None:
        self.sent.append(request)
        status = None
        for _ in range(TRIES):
            status = await self._send(request)
            # A lost connection or an unknown outcome: the same request again, under its id.
            if status not in (None, 504) or self.system.random.random() < 0.4:
                break
            await asyncio.sleep(RETRY_S)
        return status

    async def _send(self, request: Request) -> int | None:
        """Sends a request and remembers what is answered."""
        self._sends[request.run_id] += 1
        turn = self._sends[request.run_id]
        self.heard(self._answer(request, None))  # What was heard before may not be true any more.
        self._in_flight[request.run_id] += 1
        heard = await self._api.ask(request)
        self._in_flight[request.run_id] -= 1
        status = heard.status
        if status == 200:
            self._accepted(request, heard)
        elif self._in_flight[request.run_id] or turn != self._sends[request.run_id]:
            status = None  # It is under way once more: what this answer says may not stay true.
        elif status == 503 and request.run_id in self._unknown:
            status = None  # It says that nothing was done now; an earlier call may have done it.
        if status in (None, 504):
            self._unknown.add(request.run_id)
        self.heard(self._answer(request, status))
        return heard.status

    def _accepted(self, request: Request, heard: Heard) -> None:
        self.accepted.append(request)
        if request.new and request.person_id and request.person_id not in self.people:
            self.people.append(request.person_id)
        reply = heard.reply
        shown = reply.person if reply else None
        if reply is None or reply.run_id != request.run_id:
            self.complain(f"{self.id} asked for {request.run_id} and was answered {reply}")
        elif shown and (shown["id"], shown["user_id"]) != (request.person_id, self.id):
            self.complain(f"{self.id} added {request.person_id} and was shown {shown['id']}")
        elif request.kind == "context" and reply.regenerated_at is None:
            self.complain(f"{self.id} was not told when {request.run_id} began")

    def _answer(self, request: Request, status: int | None) -> Answer:
        brings = request.new is not None
        return Answer(self.id, request.run_id, status, request.person_id, brings, request.kind)

    # What goes to the owners directly.

    async def grant(self, amount: int) -> None:
        grant_id = f"grant_{self.system.ids()}"
        self.granted[grant_id] = amount
        if await self._api.grant(grant_id, amount):
            self.confirmed.add(grant_id)

    async def cancel(self) -> None:
        runs = [request.run_id for request in self.sent if request.person_id is not None]
        if runs:
            await self._api.cancel(self.system.random.choice(runs))

    async def delete(self, person_id: str) -> None:
        self.deleting.add(person_id)
        if await self._api.delete(person_id) is not None:
            self.deleted.add(person_id)
            if person_id in self.people:
                self.people.remove(person_id)

    # When nothing goes wrong any more.

    async def probe(self, balance: Callable[[], int], price: int) -> None:
        """Everything works again: a run is accepted, or costs too much; a regeneration is
        accepted, or its window is closed."""
        wanted = 200 if balance() >= price else 402
        # Somebody whose deletion was never confirmed may be gone.
        there = [person_id for person_id in self.people if person_id not in self.deleting]
        if there:
            status = await self.run(there[-1], refresh=True)
        else:
            status = await self.add()
            wanted = status if status == 409 else wanted  # Somebody of that profile is there.
        if status != wanted:
            self.complain(f"{self.id} has {balance()}, and was answered {status}, not {wanted}")
        status = await self.regenerate()
        if status not in (200, 429):
            self.complain(f"{self.id} was answered {status} to a regeneration")

    def _run_id(self) -> str:
        return f"run_{self.system.ids()}"
