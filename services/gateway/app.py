"""Composes the gateway."""

import secrets
from functools import partial

from fastapi import FastAPI
from starlette.middleware import Middleware

from libs.messaging.bus import Envelope
from libs.messaging.clock import random_ids, system_clock
from libs.messaging.kafka import KafkaBus
from libs.messaging.replies import ReplyDesk
from libs.messaging.settings import KafkaSettings
from libs.runtime.database import answers, create_engine
from libs.runtime.internal_client import internal_client
from libs.runtime.service import Parts, create_app
from libs.runtime.settings import RuntimeSettings, ServiceUrls
from services.gateway import problems
from services.gateway.body import BodyMiddleware
from services.gateway.commands import Commands
from services.gateway.identity import KeyMiddleware, RequestIdMiddleware
from services.gateway.owners import OwnerApi
from services.gateway.ports import Ports
from services.gateway.routes import admin, context, credits, research
from services.gateway.settings import GatewaySettings
from services.gateway.store import Store


def create(
    settings: GatewaySettings, runtime: RuntimeSettings, kafka: KafkaSettings, urls: ServiceUrls
) -> FastAPI:
    """The process: the HTTP API over Kafka, the owners and the gateway's own database."""
    engine = create_engine(settings.database_url)
    bus = KafkaBus(kafka, client_id="gateway")
    desk = ReplyDesk(partition=secrets.randbelow(kafka.partitions))
    bus.subscribe_replies(desk.partition, desk.handle)

    def owner(name: str, url: str) -> OwnerApi:
        http = internal_client(url, runtime.internal_token, timeout_s=settings.read_timeout_s)
        return OwnerApi(name, http)

    envelope = Envelope(source="/gateway", ids=random_ids)
    ports = Ports(
        commands=Commands(bus, desk, envelope, system_clock, random_ids, settings),
        context=owner("context", urls.context_url),
        research=owner("research", urls.research_url),
        credits=owner("credits", urls.credits_url),
        store=Store(engine),
        clock=system_clock,
    )
    owners = (ports.context, ports.research, ports.credits)

    async def consumer() -> bool:
        return bus.assigned()

    app = create_app(
        Parts(
            start=[bus.start],
            stop=[bus.stop, *(o.close for o in owners), engine.dispose],
            checks=(
                ("database", partial(answers, engine)),
                ("broker", bus.reachable),
                ("consumer", consumer),
                *((o.name, o.ready) for o in owners),
            ),
            metrics=[bus.metrics],
        ),
        title="Dossier",
        middleware=[
            Middleware(RequestIdMiddleware, ids=random_ids),
            Middleware(problems.UnexpectedMiddleware),
            Middleware(KeyMiddleware, store=ports.store),
            Middleware(BodyMiddleware, max_bytes=settings.max_body_bytes),
        ],
        public=True,
    )
    problems.add_handlers(app)
    for routes in (context, research, credits, admin):
        app.include_router(routes.create_router(ports))
    return app
