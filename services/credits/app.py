"""Composes the credits service."""

from dataclasses import dataclass

from fastapi import FastAPI

from libs.contracts.credits import Action
from libs.contracts.topics import CREDITS_COMMANDS
from libs.messaging.bus import Bus, Envelope
from libs.messaging.clock import Clock, Ids, random_ids, system_clock
from libs.messaging.kafka import KafkaBus
from libs.messaging.relay import Relay
from libs.messaging.router import Router
from libs.messaging.settings import KafkaSettings
from libs.messaging.unit import PostgresDatabase, Units
from libs.runtime.database import create_engine
from libs.runtime.service import create_app, internal, owner_parts
from libs.runtime.settings import RuntimeSettings
from services.credits import api, handlers
from services.credits.metrics import hold_metrics
from services.credits.ports import CreditsStore
from services.credits.settings import CreditsSettings
from services.credits.store import PostgresStore

GROUP = "credits"


@dataclass(frozen=True, slots=True)
class Credits:
    """The service without its surroundings: the same over Kafka, a test bus or a simulation."""

    router: Router[CreditsStore]
    relay: Relay[CreditsStore]


def build(units: Units[CreditsStore], bus: Bus, clock: Clock, costs: dict[Action, int]) -> Credits:
    return Credits(
        router=Router(units, bus, clock, handlers.routes(costs)),
        relay=Relay(units, bus),
    )


def envelope(ids: Ids) -> Envelope:
    return Envelope(source="/credits", ids=ids)


def create(settings: CreditsSettings, runtime: RuntimeSettings, kafka: KafkaSettings) -> FastAPI:
    """The process: the service on Kafka and Postgres with its internal HTTP API."""
    engine = create_engine(settings.database_url)
    bus = KafkaBus(kafka, client_id="credits")
    units = Units(PostgresDatabase(engine, PostgresStore), envelope(random_ids), system_clock)
    service = build(units, bus, system_clock, settings.costs)
    bus.subscribe([CREDITS_COMMANDS], GROUP, service.router.handle)

    app = create_app(
        owner_parts(
            bus,
            service.relay,
            engine,
            units,
            figures=lambda connection, now: hold_metrics(PostgresStore(connection), now),
        )
    )
    app.include_router(
        internal(runtime.internal_token, api.create_router(units, random_ids, settings.costs))
    )
    return app
