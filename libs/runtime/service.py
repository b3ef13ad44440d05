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

REQUESTS_S = 10
"""How long requests under way get to be answered after a process is told to stop."""
STEPS_S = 8.0
"""How long all steps of a stop may take after that."""
STEP_LEAST_S = 0.5
"""What is kept of it for each step, however long the ones before it take."""
CHECK_S = 1.0
"""How long a check may take; who asks whether a process is ready does not wait for long."""
HOUSEKEEPING_S = 600.0

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process runs besides HTTP.

    `start` is awaited in order before the first request is answered; `loops` and
    `last_loops` run from then on, and each is restarted if it fails. After the last
    request the `loops` end, `finish` is awaited in order, the `last_loops` end, and
    `stop` is awaited in order.
    """

    start: Sequence[Callable[[], Awaitable[object]]] = ()
    finish: Sequence[Callable[[], Awaitable[object]]] = ()
    stop: Sequence[Callable[[], Awaitable[object]]] = ()
    loops: Sequence[Callable[[], Awaitable[None]]] = ()
    last_loops: Sequence[Callable[[], Awaitable[None]]] = ()
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
        loops=[every(HOUSEKEEPING_S, partial(forget_handled, units)), *loops],
        last_loops=[relay.run],
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
        loops, last_loops = _running(parts.loops), _running(parts.last_loops)
        try:
            yield
        finally:
            await _take(
                [partial(_end, loops), *parts.finish, partial(_end, last_loops), *parts.stop]
            )

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
        passed = await asyncio.gather(*(_passes(name, check) for name, check in checks))
        results = {name: passes for (name, _), passes in zip(checks, passed, strict=True)}
        ready = all(results.values())
        response.status_code = 200 if ready else 503
        return {"status": "ready" if ready else "not ready", "checks": results}

    return router


async def _passes(name: str, check: Check) -> bool:
    looking = asyncio.ensure_future(check())
    in_time, _ = await asyncio.wait([looking], timeout=CHECK_S)
    if not in_time:
        looking.cancel()  # and not awaited: a connection that hangs takes long to be given up
        log.warning("readiness check takes too long", check=name)
        return False
    try:
        return looking.result()
    except Exception as error:
        log.warning("readiness check failed", check=name, error=repr(error))
        return False


async def _take(steps: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """Takes the steps of a stop. One that fails or hangs does not keep the others from theirs."""
    clock = asyncio.get_running_loop().time
    end = clock() + STEPS_S
    for step, further in zip(steps, reversed(range(len(steps))), strict=True):
        try:
            async with asyncio.timeout(max(STEP_LEAST_S, end - clock() - further * STEP_LEAST_S)):
                await step()
        except TimeoutError:
            log.error("a step of the shutdown took too long", step=repr(step))
        except Exception:
            log.exception("a step of the shutdown failed", step=repr(step))


def _running(loops: Sequence[Callable[[], Awaitable[None]]]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(_restarting(loop)) for loop in loops]


async def _end(loops: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


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
        timeout_graceful_shutdown=REQUESTS_S,
    )
