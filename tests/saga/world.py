"""All services in one process: real handlers, real Postgres, a controlled bus, clock and ids."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from libs.contracts import topics
from libs.contracts.context import ContextRegenerateRequested
from libs.contracts.credits import Action
from libs.contracts.envelope import Command, ReplyAddress
from libs.contracts.gateway import Reply
from libs.contracts.research import NewPerson, ResearchRunRequested
from libs.messaging.bus import Envelope, Incoming
from libs.messaging.clock import new_traceparent
from libs.messaging.router import decode
from libs.messaging.testing import ControlledBus, Crash
from libs.messaging.unit import Units
from libs.work.settings import WorkSettings
from services.context import app as context_app
from services.context.store import PostgresStore as ContextStore
from services.credits import app as credits_app
from services.credits.handlers import grant_credits
from services.credits.store import PostgresStore as CreditsStore
from services.research import app as research_app
from services.research.store import PostgresStore as ResearchStore
from tests.saga.crashes import CrashingBus, CrashingDatabase, CrashPlan, Databases

WINDOW = timedelta(hours=24)
SETTINGS = WorkSettings(hold_s=3, dispatch_s=3, resend_s=15, lease_s=20, attempts=3)


@dataclass
class World:
    """The system. `run_until_quiet` delivers and relays until nothing moves."""

    databases: Databases
    bus: ControlledBus
    now: datetime = datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)
    crash: CrashPlan | None = None
    replies: list[tuple[str, Reply]] = field(default_factory=list)
    _counter: int = 0

    def __post_init__(self) -> None:
        self.build()

    def ids(self) -> str:
        self._counter += 1
        return f"{self._counter:032x}"

    def clock(self) -> datetime:
        return self.now

    def pass_by(self, service: str, point: str) -> None:
        if self.crash:
            self.crash.pass_by(service, point)

    def build(self) -> None:
        """Starts all services anew, with nothing in memory."""
        waiting = {s.name: s.waiting for s in self.bus.subscriptions}
        self.bus.subscriptions.clear()
        self.credits_units = self._units("credits", CreditsStore)
        self.research_units = self._units("research", ResearchStore)
        self.context_units = self._units("context", ContextStore)
        self.credits = credits_app.build(
            self.credits_units,
            CrashingBus("credits", self),
            self.clock,
            {Action.DEEP_RESEARCH: 1},
        )
        self.research = research_app.build(
            self.research_units, CrashingBus("research", self), self.clock, self.ids, SETTINGS
        )
        self.context = context_app.build(
            self.context_units,
            CrashingBus("context", self),
            self.clock,
            self.ids,
            SETTINGS,
            WINDOW,
        )
        self._subscribe("credits", [topics.CREDITS_COMMANDS], self.credits.router.handle)
        research = [topics.RESEARCH_COMMANDS, topics.RESEARCH_WORK, topics.CREDITS_EVENTS]
        self._subscribe("research", research, self.research.router.handle)
        context = [topics.CONTEXT_COMMANDS, topics.CONTEXT_WORK]
        self._subscribe("context", context, self.context.router.handle)
        self._subscribe("gateway", [topics.GATEWAY_REPLIES], self._on_replies)
        for subscription in self.bus.subscriptions:
            subscription.waiting.extend(waiting.get(subscription.name, ()))

    def _units(self, service: str, store: Any) -> Units[Any]:
        database = CrashingDatabase(service, self, self.databases.engines[service], store)
        return Units(database, Envelope(source=f"/{service}", ids=self.ids), self.clock)

    def _subscribe(self, service: str, of: list[topics.Topic], handler: Any) -> None:
        async def on_batch(batch: Any) -> None:
            await handler(batch)
            self.pass_by(service, "before ack")

        self.bus.subscribe(service, [topic.name for topic in of], on_batch)

    async def _on_replies(self, batch: list[Incoming]) -> None:
        for incoming in batch:
            message = decode(incoming).message
            assert isinstance(message, Reply)
            self.replies.append((incoming.headers["correlation_id"], message))

    # What a gateway does.

    async def send(self, command: Command, correlation_id: str | None = None) -> str:
        """Publishes a command; answers the correlation id that its reply will carry."""
        correlation = correlation_id or self.ids()
        envelope = Envelope(source="/gateway", ids=self.ids)
        message = envelope.wrap(
            command,
            now=self.now,
            trace=new_traceparent(self.ids),
            reply_to=ReplyAddress(partition=0, correlation_id=correlation),
        )
        await self.bus.publish([message])
        return correlation

    def run_request(
        self,
        user_id: str,
        person_id: str,
        *,
        run_id: str | None = None,
        refresh: bool = False,
        new: NewPerson | None = None,
    ) -> ResearchRunRequested:
        return ResearchRunRequested(
            run_id=run_id or f"run_{self.ids()}",
            user_id=user_id,
            person_id=person_id,
            refresh=refresh,
            new_person=new,
            not_after=self.now + timedelta(seconds=5),
        )

    def regenerate_request(self, user_id: str, **fields: Any) -> ContextRegenerateRequested:
        return ContextRegenerateRequested(
            run_id=f"run_{self.ids()}",
            user_id=user_id,
            not_after=self.now + timedelta(seconds=5),
            **{"website": "https://example.com", **fields},
        )

    async def ask(self, command: Command) -> Reply:
        """Sends a command, lets everything happen, and answers the reply."""
        correlation = await self.send(command)
        await self.run_until_quiet()
        return self.reply(correlation)

    def reply(self, correlation_id: str) -> Reply:
        """The last reply to a command."""
        found = [reply for correlation, reply in self.replies if correlation == correlation_id]
        assert found, "nobody answered"
        return found[-1]

    async def grant(self, user_id: str, amount: int) -> None:
        async with self.credits_units.begin() as unit:
            await grant_credits(unit, self.ids, user_id, f"grant_{self.ids()}", amount, "test")

    # Time.

    async def run_until_quiet(self) -> None:
        """Relays and delivers until nothing moves; a crash starts all services anew."""
        for _ in range(200):
            try:
                for service in (self.credits, self.research, self.context):
                    await service.relay.drain()
                moved = await self.bus.deliver()
            except Crash:
                self.build()
                continue
            if not moved and not self._outlets():
                return
        raise AssertionError("the system does not come to rest")

    def _outlets(self) -> int:
        units = (self.credits_units, self.research_units, self.context_units)
        return sum(len(each.outlet) for each in units)

    async def advance(self, seconds: float) -> None:
        """Lets time pass, with the reapers and sweeps that come with it."""
        self.now += timedelta(seconds=seconds)
        try:
            for service in (self.credits, self.research, self.context):
                await service.relay.sweep()
            await self.research.reap()
            await self.context.reap()
        except Crash:
            self.build()
        await self.run_until_quiet()

    async def settle(self, seconds: float = 120, step: float = 10) -> None:
        """Lets time pass until every deadline that there is has been met."""
        for _ in range(int(seconds / step)):
            await self.advance(step)

    # What can be seen.

    async def rows(self, service: str, query: str, **values: Any) -> list[dict[str, Any]]:
        async with self.databases.engines[service].connect() as connection:
            rows = await connection.execute(sa.text(query), values)
            return [dict(row) for row in rows.mappings()]

    async def person(self, person_id: str) -> dict[str, Any] | None:
        rows = await self.rows("research", "SELECT * FROM people WHERE id = :id", id=person_id)
        return rows[0] if rows else None

    async def run(self, run_id: str, service: str = "research") -> dict[str, Any]:
        [row] = await self.rows(service, "SELECT * FROM runs WHERE id = :id", id=run_id)
        return row

    async def profile(self, user_id: str) -> dict[str, Any] | None:
        query = "SELECT * FROM user_profiles WHERE user_id = :id"
        rows = await self.rows("context", query, id=user_id)
        return rows[0] if rows else None

    async def balance(self, user_id: str) -> tuple[int, int]:
        """What can be spent, and what is held."""
        rows = await self.rows("credits", "SELECT * FROM accounts WHERE id = :id", id=user_id)
        return (rows[0]["posted"] - rows[0]["held"], rows[0]["held"]) if rows else (0, 0)

    async def charges(self, user_id: str) -> list[str]:
        """The kinds of a user's entries besides grants, oldest first."""
        query = "SELECT kind FROM entries WHERE account_id = :id AND kind <> 'grant' ORDER BY id"
        return [row["kind"] for row in await self.rows("credits", query, id=user_id)]
