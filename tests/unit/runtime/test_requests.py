"""Request durations: one time series for a route, whatever callers send."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.runtime.requests import RequestMetrics


class RefusesStrangers:
    """Answers before there is a route, as a check of keys does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/strange"):
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, send)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(middleware=[Middleware(RequestMetrics), Middleware(RefusesStrangers)])
    router = APIRouter(prefix="/people")

    @router.get("/{person_id}")
    async def person(person_id: str) -> str:
        return person_id

    @router.get("/{person_id}/crash")
    async def crash(person_id: str) -> None:
        raise RuntimeError(person_id)

    app.include_router(router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def count(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    found = REGISTRY.get_sample_value("dossier_http_request_duration_seconds_count", labels)
    return found or 0.0


async def test_a_route_counts_under_its_template(client: httpx.AsyncClient) -> None:
    before = count("GET", "/people/{person_id}", 200)
    for name in ("ada", "grace"):
        assert (await client.get(f"/people/{name}")).status_code == 200
    assert count("GET", "/people/{person_id}", 200) == before + 2


async def test_a_crash_counts_as_500(client: httpx.AsyncClient) -> None:
    before = count("GET", "/people/{person_id}/crash", 500)
    await client.get("/people/ada/crash")
    assert count("GET", "/people/{person_id}/crash", 500) == before + 1


async def test_paths_and_methods_that_nobody_knows_make_no_series(
    client: httpx.AsyncClient,
) -> None:
    unrouted, strange = count("GET", "none", 404), count("other", "none", 404)
    await client.get("/secret-1")
    await client.get("/secret-2")
    await client.request("BREW", "/coffee")
    assert count("GET", "none", 404) == unrouted + 2
    assert count("other", "none", 404) == strange + 1


async def test_an_answer_before_the_routing_counts(client: httpx.AsyncClient) -> None:
    before = count("GET", "none", 401)
    assert (await client.get("/strange")).status_code == 401
    assert count("GET", "none", 401) == before + 1


async def test_a_caller_who_went_before_the_answer_counts_as_499() -> None:
    async def goes(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async def never(*_: object) -> None:
        raise AssertionError("nothing is received or sent")

    before = count("POST", "none", 499)
    await RequestMetrics(goes)({"type": "http", "method": "POST"}, never, never)  # type: ignore[arg-type]
    assert count("POST", "none", 499) == before + 1
