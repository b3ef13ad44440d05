"""The shell of a process: an ASGI app with health routes around consumers and loops.

`serve` runs it under uvicorn. The app is alive while it answers `/healthz`, and
ready when all its checks pass (`/readyz`); `/metrics` says how it fares.

Told to stop, it answers the requests under way, lets the batches under way finish,
publishes what they committed, and then goes.
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Response
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware import Middleware

from libs.messaging.housekeeping import forget_handled
from libs.messaging.kafka import KafkaBus
from libs.messaging.relay import Relay
from libs.messaging.unit import Units
from libs.runtime.database import answers
from libs.runtime.figures import DatabaseFigures, Figures
from libs.runtime.logs import configure_logs
from libs.runtime.metrics import Reading, metrics_route
from libs.runtime.requests import RequestMetrics

log = structlog.get_logger()

SHUTDOWN_S = 10
"""How long requests under way get to be answered, and then each step of a stop."""
HOUSEKEEPING_S = 600.0

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process runs besides HTTP.

    `start` is awaited in order before the first request is answered; each of `loops`
    runs from then on and is restarted if it fails. After the last request `finish` is
    awaited in order while the loops still run, and `stop` when they have ended.
    """

    start: Sequence[Callable[[], Awaitable[object]]] = ()
    finish: Sequence[Callable[[], Awaitable[object]]] = ()
    stop: Sequence[Callable[[], Awaitable[object]]] = ()
    loops: Sequence[Callable[[], Awaitable[None]]] = ()
    checks: tuple[tuple[str, Check], ...] = ()
    metrics: Sequence[Reading] = ()


def owner_parts(
    bus: KafkaBus,
    relay: Relay[Any],
    engine: AsyncEngine,
    units: Units[Any],
    figures: Figures,
    loops: Sequence[Callable[[], Awaitable[None]]] = (),
) -> Parts:
    """The parts of a service that owns a database and relays its outbox to Kafka.

    `figures` are what its metrics tell of the database besides the outbox.
    """

    async def consumers() -> bool:
        return bus.assigned()

    return Parts(
        start=[bus.start],
        loops=[relay.run, every(HOUSEKEEPING_S, partial(forget_handled, units)), *loops],
        finish=[bus.stop_consuming, relay.finish],
        stop=[bus.stop, engine.dispose],
        checks=(
            ("database", partial(answers, engine)),
            ("broker", bus.reachable),
            ("consumers", consumers),
        ),
        metrics=[bus.metrics, DatabaseFigures(engine, figures)],
    )


def create_app(
    parts: Parts,
    title: str = "internal",
    middleware: Sequence[Middleware] = (),
    *,
    public: bool = False,
) -> FastAPI:
    """An app with health routes and metrics that starts and stops the parts of its process.

    Only a `public` app describes itself at `/openapi.json`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for start in parts.start:
            await start()
        tasks = [asyncio.create_task(_restarting(loop)) for loop in parts.loops]
        try:
            yield
        finally:
            for finish in parts.finish:
                await _stopped(finish)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stop in parts.stop:
                await _stopped(stop)

    app = FastAPI(
        title=title,
        lifespan=lifespan,
        middleware=[Middleware(RequestMetrics), *middleware],
        openapi_url="/openapi.json" if public else None,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(_health(parts.checks))
    app.include_router(metrics_route(parts.metrics))
    return app


def _health(checks: Sequence[tuple[str, Check]]) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(response: Response) -> dict[str, object]:
        results = {name: await _passes(check) for name, check in checks}
        ready = all(results.values())
        response.status_code = 200 if ready else 503
        return {"status": "ready" if ready else "not ready", "checks": results}

    return router


async def _passes(check: Check) -> bool:
    try:
        return await check()
    except Exception as error:
        log.warning("readiness check failed", error=repr(error))
        return False


async def _stopped(step: Callable[[], Awaitable[object]]) -> None:
    """Takes one step of a stop. One that fails or hangs does not keep the others from theirs."""
    try:
        async with asyncio.timeout(SHUTDOWN_S):
            await step()
    except Exception:
        log.exception("a step of the shutdown failed", step=repr(step))


async def _restarting(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:
            log.exception("loop failed, starting it again")
            await asyncio.sleep(1.0)


def internal(token: SecretStr, *routers: APIRouter) -> APIRouter:
    """Routes under `/internal` for the other processes of the deployment, who know the token."""

    def authorised(authorization: str = Header(default="")) -> None:
        expected = f"Bearer {token.get_secret_value()}"
        if not hmac.compare_digest(authorization.encode(), expected.encode()):
            raise HTTPException(401, "The internal token is missing or wrong.")

    parent = APIRouter(prefix="/internal", dependencies=[Depends(authorised)])
    for router in routers:
        parent.include_router(router)
    return parent


def every(seconds: float, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """A loop that does `work` with a pause after each time."""

    async def loop() -> None:
        while True:
            await asyncio.sleep(seconds)
            await work()

    return loop


def serve(app: FastAPI, *, name: str, host: str, port: int, log_level: str) -> None:
    """Runs a process until it is told to stop, then lets what is under way finish."""
    configure_logs(name, log_level)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        loop="uvloop",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
