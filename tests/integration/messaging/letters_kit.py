"""The credits service on a broker and a database of its own, and who sends it rubbish."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from deploy.local.cli import app
from libs.contracts.credits import Action, CreditHoldRequested, CreditReturnRequested
from libs.contracts.topics import CREDITS_COMMANDS, dead_letters
from libs.messaging.bus import Envelope, OnBatch, Outgoing
from libs.messaging.clock import random_ids, system_clock
from libs.messaging.dead_letters import survey
from libs.messaging.kafka import KafkaBus
from libs.messaging.letters import DeadLetter
from libs.messaging.settings import KafkaSettings
from libs.messaging.unit import PostgresDatabase, Units
from libs.runtime.database import create_engine
from libs.runtime.migrations import upgrade
from services.credits.app import build
from services.credits.store import PostgresStore
from tests.integration.messaging.kafka_kit import TRACE, running

COMMANDS = CREDITS_COMMANDS.name
DEAD = dead_letters(COMMANDS)
PRICES = {Action.DEEP_RESEARCH: 1}
envelope = Envelope(source="/test", ids=random_ids)

Header = tuple[str, bytes | None]


@dataclass
class Ledger:
    """The database of a credits service."""

    engine: AsyncEngine

    async def state_of(self, run_id: str) -> str | None:
        """The state of a run's hold."""
        query = sa.text("SELECT state FROM holds WHERE run_id = :run")
        async with self.engine.connect() as connection:
            state: str | None = await connection.scalar(query, {"run": run_id})
            return state

    async def held_by(self, account_id: str) -> int:
        query = sa.text("SELECT held FROM accounts WHERE id = :id")
        async with self.engine.connect() as connection:
            return await connection.scalar(query, {"id": account_id}) or 0

    async def give(self, account_id: str, amount: int) -> None:
        insert = sa.text("INSERT INTO accounts (id, posted, held) VALUES (:id, :amount, 0)")
        async with self.engine.begin() as connection:
            await connection.execute(insert, {"id": account_id, "amount": amount})


@asynccontextmanager
async def ledger_at(url: str) -> AsyncIterator[Ledger]:
    await asyncio.to_thread(upgrade, "credits", url)
    engine = create_engine(url)
    yield Ledger(engine)
    await engine.dispose()


def handler(bus: KafkaBus, engine: AsyncEngine, prices: dict[Action, int]) -> OnBatch:
    database = PostgresDatabase(engine, PostgresStore)
    units = Units(database, Envelope(source="/credits", ids=random_ids), system_clock)
    return build(units, bus, system_clock, prices).router.handle


@asynccontextmanager
async def credits_on(
    kafka: KafkaSettings,
    ledger: Ledger,
    group: str,
    prices: dict[Action, int] = PRICES,
) -> AsyncIterator[KafkaBus]:
    """The service's consumer, as `services.credits.app: create` composes it."""
    bus = KafkaBus(kafka, "credits")
    bus.subscribe([CREDITS_COMMANDS], group, handler(bus, ledger.engine, prices))
    async with running(bus):
        yield bus


def hold(run_id: str, account_id: str) -> Outgoing:
    command = CreditHoldRequested(
        run_id=run_id,
        account_id=account_id,
        action=Action.DEEP_RESEARCH,
        not_after=datetime.now(UTC) + timedelta(hours=1),
    )
    return envelope.wrap(command, now=datetime.now(UTC), trace=TRACE)


def returning(run_id: str, account_id: str) -> Outgoing:
    """Handled, it leaves a voided hold of nothing behind."""
    command = CreditReturnRequested(run_id=run_id, account_id=account_id, reason="test")
    return envelope.wrap(command, now=datetime.now(UTC), trace=TRACE)


def headers_of(message: Outgoing) -> list[Header]:
    return [(name, value.encode()) for name, value in message.headers.items()]


@asynccontextmanager
async def raw_producer(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """Sends what our own bus never would."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=8_000_000)
    await producer.start()
    yield producer
    await producer.stop()


async def eventually(
    condition: Callable[[], "asyncio.Future[bool] | object"], seconds: float = 20
) -> None:
    """Waits for an awaitable condition."""
    async with asyncio.timeout(seconds):
        while not await condition():  # type: ignore[misc]
            await asyncio.sleep(0.05)


async def letters(kafka: KafkaSettings, key: str = "") -> list[DeadLetter]:
    """The dead letters of the commands, those of one key if it is given."""
    found = await survey(kafka, [DEAD], 10_000)
    return [letter for letter in found.newest if not key or letter.key == key]


async def dossier(kafka: KafkaSettings, *args: str, answer: str = "") -> tuple[int, str]:
    """Runs the command line tool against the broker."""
    env = {"DOSSIER_KAFKA_BOOTSTRAP": kafka.bootstrap, "DATA": ""}
    result = await asyncio.to_thread(CliRunner().invoke, app, args, input=answer, env=env)
    return result.exit_code, result.output


def keys(found: Sequence[DeadLetter]) -> list[str]:
    return [letter.key for letter in found]
