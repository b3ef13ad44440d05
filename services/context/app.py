"""Composes the context service."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI

from libs.contracts.context import ContextTask
from libs.contracts.topics import CONTEXT_COMMANDS, CONTEXT_WORK
from libs.messaging.bus import Bus, Envelope
from libs.messaging.clock import Clock, Ids, random_ids, system_clock
from libs.messaging.kafka import KafkaBus
from libs.messaging.relay import Relay, Watch
from libs.messaging.router import Router
from libs.messaging.settings import KafkaSettings
from libs.messaging.unit import PostgresDatabase, Units
from libs.runtime.database import create_engine
from libs.runtime.service import create_app, every, internal, owner_parts
from libs.runtime.settings import RuntimeSettings
from libs.work import api as work_api
from libs.work.api import WorkApi
from libs.work.metrics import run_metrics
from libs.work.owner import Owner
from libs.work.settings import WorkSettings
from services.context import api
from services.context.domain import ContextRun
from services.context.handlers import Handlers
from services.context.ports import ContextStore
from services.context.saga import ContextSaga
from services.context.settings import ContextSettings
from services.context.store import PostgresStore

GROUP = "context"
REAP_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Context:
    """The service without its surroundings: the same over Kafka, a test bus or a simulation."""

    units: Units[ContextStore]
    router: Router[ContextStore]
    relay: Relay[ContextStore]
    owner: Owner[ContextRun]
    work: WorkApi[ContextRun]

    async def reap(self) -> None:
        """Acts on every run whose deadline has passed."""
        async with self.units.begin() as unit:
            await self.owner.reap(unit)


def build(
    units: Units[ContextStore],
    bus: Bus,
    clock: Clock,
    ids: Ids,
    work: WorkSettings,
    window: timedelta,
) -> Context:
    saga = ContextSaga()
    owner = Owner(saga, work, ids)
    handlers = Handlers(saga, owner, work, window)
    watched = {ContextTask.type_name(): Watch(owner.task_acknowledged, owner.task_not_acknowledged)}
    return Context(
        units=units,
        router=Router(units, bus, clock, handlers.routes()),
        relay=Relay(units, bus, watched),
        owner=owner,
        work=WorkApi(units, saga, owner, work, ids),
    )


def envelope(ids: Ids) -> Envelope:
    return Envelope(source="/context", ids=ids)


def create(
    settings: ContextSettings, runtime: RuntimeSettings, kafka: KafkaSettings, work: WorkSettings
) -> FastAPI:
    """The process: the service on Kafka and Postgres with its internal HTTP API."""
    engine = create_engine(settings.database_url)
    bus = KafkaBus(kafka, client_id="context")
    units = Units(PostgresDatabase(engine, PostgresStore), envelope(random_ids), system_clock)
    service = build(units, bus, system_clock, random_ids, work, settings.window)
    bus.subscribe([CONTEXT_COMMANDS, CONTEXT_WORK], GROUP, service.router.handle)
    app = create_app(
        owner_parts(
            bus,
            service.relay,
            engine,
            units,
            figures=lambda connection, now: run_metrics(PostgresStore(connection), now),
            loops=[every(REAP_EVERY_S, service.reap)],
        )
    )
    app.include_router(
        internal(
            runtime.internal_token, work_api.create_router(service.work), api.create_router(units)
        )
    )
    return app
