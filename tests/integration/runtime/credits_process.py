"""The credits service as a process of its own, on a real database and a real broker."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx

from deploy.local.ports import free_ports
from deploy.local.program import Program
from deploy.local.vitals import Totals, totals_of
from libs.contracts.credits import Action, CreditHoldRequested
from libs.contracts.envelope import Message
from libs.messaging.admin import ensure_topics
from libs.messaging.bus import Ack, Envelope
from libs.messaging.clock import new_traceparent, random_ids
from libs.messaging.kafka import KafkaBus
from libs.messaging.settings import KafkaSettings
from libs.runtime.migrations import upgrade
from tests.e2e.wait import eventually

TOKEN = "a-token-for-tests"
READY_S = 40.0
LOCK_ACCOUNT = "SELECT FROM accounts WHERE id = $1 FOR UPDATE"
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)


class CreditsProcess:
    """`python -m services.credits`, and what surrounds it."""

    def __init__(self, program: Program, database_url: str, kafka: KafkaSettings) -> None:
        self.program = program
        self.database_url = database_url
        self.kafka = kafka
        self.http = httpx.AsyncClient(
            base_url=program.url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
            timeout=5,
        )
        self._bus = KafkaBus(kafka, "test")
        self._envelope = Envelope(source="/test", ids=random_ids)

    async def metrics(self) -> Totals:
        """The sums of its metrics, read over HTTP."""
        answer = await self.http.get("/metrics")
        assert answer.status_code == 200, answer.text
        return totals_of(answer.text)

    async def reaches(self, metric: str, value: float, within_s: float = 15) -> None:
        """Waits until a metric is at least so high."""

        async def look() -> bool:
            return (await self.metrics()).get(metric, -1) >= value

        await eventually(f"{metric} reaches {value:g}", look, within_s=within_s)

    async def falls(self, metric: str, value: float = 0, within_s: float = 15) -> None:
        """Waits until a metric is at most so high."""

        async def look() -> bool:
            return (await self.metrics())[metric] <= value

        await eventually(f"{metric} falls to {value:g}", look, within_s=within_s)

    async def shows(self, text: str) -> None:
        """Waits until its metrics contain a text."""

        async def look() -> bool:
            return text in (await self.http.get("/metrics")).text

        await eventually(f"metrics show {text}", look, within_s=15)

    async def account(self, credit: int) -> str:
        """A new account with credits."""
        account_id = f"user_{secrets.token_hex(6)}"
        grant = {
            "grant_id": random_ids(),
            "account_id": account_id,
            "amount": credit,
            "reason": "for a test",
        }
        answer = await self.http.post("/internal/grants", json=grant)
        assert answer.status_code == 200, answer.text
        return account_id

    async def ask_for_hold(self, account_id: str) -> str:
        """Sends the command for a hold, and answers the run's id."""
        run_id = f"run_{random_ids()}"
        await self.send(
            CreditHoldRequested(
                run_id=run_id,
                account_id=account_id,
                action=Action.DEEP_RESEARCH,
                not_after=FOREVER,
            )
        )
        return run_id

    async def send(self, *messages: Message) -> None:
        now = datetime.now(UTC)
        trace = new_traceparent(random_ids)
        outgoing = [self._envelope.wrap(message, now=now, trace=trace) for message in messages]
        assert set(await self._bus.publish(outgoing)) == {Ack.ACKNOWLEDGED}

    @asynccontextmanager
    async def locked(self, account_id: str) -> AsyncIterator[None]:
        """Whatever wants to change an account waits while the block runs."""
        connection = await asyncpg.connect(self.database_url)
        try:
            async with connection.transaction():
                await connection.execute(LOCK_ACCOUNT, account_id)
                yield
        finally:
            await connection.close()

    async def rows(self, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
        connection = await asyncpg.connect(self.database_url)
        try:
            found: Sequence[asyncpg.Record] = await connection.fetch(query, *arguments)
        finally:
            await connection.close()
        return found

    async def __aenter__(self) -> "CreditsProcess":
        await asyncio.to_thread(upgrade, "credits", self.database_url)
        await ensure_topics(self.kafka)
        await self._bus.start()
        self.program.launch()

        async def ready() -> bool:
            assert self.program.process is not None
            assert self.program.process.poll() is None, self.program.log.read_text()
            try:
                return (await self.http.get("/readyz")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        await eventually("credits is ready", ready, within_s=READY_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.program.stop)
        await self._bus.stop()
        await self.http.aclose()


def credits_process(database_url: str, kafka: KafkaSettings, folder: Path) -> CreditsProcess:
    """A process that is to be entered, on an empty database."""
    [port] = free_ports(1)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DOSSIER_")}
    own = {
        "DOSSIER_INTERNAL_TOKEN": TOKEN,
        "DOSSIER_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "DOSSIER_KAFKA_EMBEDDED": "true",
        "DOSSIER_KAFKA_MAX_MESSAGE_BYTES": str(kafka.max_message_bytes),
        "DOSSIER_CREDITS_DATABASE_URL": database_url,
        "DOSSIER_CREDITS_PORT": str(port),
    }
    program = Program(
        "services.credits", inherited | own, folder / "credits.log", f"http://127.0.0.1:{port}"
    )
    return CreditsProcess(program, database_url, kafka)
