"""Buses, messages and waiting, for tests against a real broker."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from deploy.local.broker import Broker
from libs.contracts.envelope import ReplyAddress
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.topics import RESEARCH_TASKS
from libs.contracts.work import StepStarted
from libs.messaging.bus import Envelope, Incoming, Outgoing
from libs.messaging.clock import random_ids
from libs.messaging.kafka import KafkaBus
from libs.messaging.settings import KafkaSettings

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
JOIN_S = 30
"""A group join takes the embedded broker about 5 s."""
envelope = Envelope(source="/test", ids=random_ids)


def settings_of(broker: Broker, **changes: object) -> KafkaSettings:
    return KafkaSettings(
        bootstrap=broker.bootstrap,
        embedded=True,
        **changes,  # type: ignore[arg-type]
    )


def fresh_group() -> str:
    return f"group-{secrets.token_hex(4)}"


def numbered(key: str, number: int, size: int = 0) -> Outgoing:
    """A message whose step is its number. It goes to the tasks, whatever it says."""
    step = StepStarted(run_id=key, token="x" * size, step=str(number))
    return Outgoing(
        id=random_ids(),
        type="StepStarted",
        topic=RESEARCH_TASKS.name,
        key=key,
        headers={"ce_id": random_ids()},
        value=step.model_dump_json().encode(),
        created_at=datetime.now(UTC),
    )


def reply_to(partition: int, correlation_id: str) -> Outgoing:
    return envelope.wrap_reply(
        Reply(run_id="run", outcome=Outcome.ACCEPTED),
        to=ReplyAddress(partition=partition, correlation_id=correlation_id),
        now=datetime.now(UTC),
        trace=TRACE,
    )


class Taken:
    """What a subscription was handed; `fails` may raise before it counts as taken."""

    def __init__(self, key_prefix: str = "") -> None:
        self.messages: list[Incoming] = []
        self.batches: list[int] = []
        self.fails: Callable[[Sequence[Incoming]], None] = lambda batch: None
        self._prefix = key_prefix

    async def __call__(self, batch: Sequence[Incoming]) -> None:
        # The broker is shared: other tests' messages lie in the same topic.
        mine = [message for message in batch if message.key.startswith(self._prefix)]
        self.fails(mine)
        self.messages += mine
        self.batches.append(len(mine))

    def numbers(self, key: str) -> list[int]:
        steps = [StepStarted.model_validate_json(m.value) for m in self.messages if m.key == key]
        return [int(step.step) for step in steps]

    @property
    def correlation_ids(self) -> list[str]:
        return [message.headers["correlation_id"] for message in self.messages]


@asynccontextmanager
async def running(bus: KafkaBus) -> AsyncIterator[KafkaBus]:
    await bus.start()
    try:
        await until(bus.assigned, JOIN_S)
        yield bus
    finally:
        await bus.stop()


async def until(condition: Callable[[], bool], seconds: float = 15) -> float:
    """Waits for a condition and answers how long it took, in seconds."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
    return time.monotonic() - began
