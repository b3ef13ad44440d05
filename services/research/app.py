"""Composes the research service."""

from dataclasses import dataclass

from fastapi import FastAPI

from libs.contracts.research import ResearchTask
from libs.contracts.topics import CREDITS_EVENTS, RESEARCH_COMMANDS, RESEARCH_WORK
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
from services.research import api
from services.research.domain import ResearchRun
from services.research.handlers import Handlers
from services.research.ports import ResearchStore
from services.research.reports import Reports
from services.research.saga import ResearchSaga
from services.research.settings import ResearchSettings
from services.research.store import PostgresStore

GROUP = "research"
REAP_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Research:
    """The service without its surroundings: the same over Kafka, a test bus or a simulation."""

    units: Units[ResearchStore]
    router: Router[ResearchStore]
    relay: Relay[ResearchStore]
    owner: Owner[ResearchRun]
    work: WorkApi[ResearchRun]
    saga: ResearchSaga

    async def reap(self) -> None:
        """Acts on every run whose deadline has passed."""
        async with self.units.begin() as unit:
            await self.owner.reap(unit)


def build(
    units: Units[ResearchStore],
    bus: Bus,
    clock: Clock,
    ids: Ids,
    work: WorkSettings,
    *,
    charge_failed: bool = False,
) -> Research:
    saga = ResearchSaga(work, charge_failed=charge_failed)
    owner = Owner(saga, work, ids)
    handlers = Handlers(saga, owner, Reports(saga, owner), work)
    watched = {
        ResearchTask.type_name(): Watch(owner.task_acknowledged, owner.task_not_acknowledged)
    }
    return Research(
        units=units,
        router=Router(units, bus, clock, handlers.routes()),
        relay=Relay(units, bus, watched),
        owner=owner,
        work=WorkApi(units, saga, owner, work, ids),
        saga=saga,
    )


def envelope(ids: Ids) -> Envelope:
    return Envelope(source="/research", ids=ids)


def create(
    settings: ResearchSettings, runtime: RuntimeSettings, kafka: KafkaSettings, work: WorkSettings
) -> FastAPI:
    """The process: the service on Kafka and Postgres with its internal HTTP API."""
    engine = create_engine(settings.database_url)
    bus = KafkaBus(kafka, client_id="research")
    units = Units(PostgresDatabase(engine, PostgresStore), envelope(random_ids), system_clock)
    service = build(
        units, bus, system_clock, random_ids, work, charge_failed=settings.charge_failed_runs
    )
    topics = [RESEARCH_COMMANDS, RESEARCH_WORK, CREDITS_EVENTS]
    bus.subscribe(topics, GROUP, service.router.handle)
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
    reads = api.create_router(units, service.saga, random_ids)
    app.include_router(
        internal(runtime.internal_token, work_api.create_router(service.work), reads)
    )
    return app
