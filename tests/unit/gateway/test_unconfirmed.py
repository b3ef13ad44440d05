"""What a caller is told when the research service may have done what it did not confirm."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from libs.contracts.gateway import Outcome, Reply
from libs.messaging.clock import new_traceparent, random_ids, system_clock
from services.gateway import problems
from services.gateway.owners import OwnerApi
from services.gateway.ports import Ports
from services.gateway.routes.research import create_router
from services.gateway.store import Kind, User

PERSON = "3d4f2bb5-7b0e-4c4e-9a53-7f4a1c1d2e3f"
PATH = f"/api/deep-research/people/{PERSON}"
NEW = {"firstName": "Ada", "lastName": "Lovelace", "company": "Example"}


class Commands:
    """Answers every command as accepted, without what it was about: so does a resolved one."""

    def new_run_id(self) -> str:
        return "run_1"

    deadline = staticmethod(system_clock)

    async def ask(self, command: Any, **_: Any) -> Reply:
        return Reply(run_id="run_1", outcome=Outcome.ACCEPTED)


@asynccontextmanager
async def gateway(
    research: Callable[[httpx.Request], httpx.Response],
) -> AsyncIterator[httpx.AsyncClient]:
    """The research routes over a research service that behaves as told."""

    async def known(request: Request, call: RequestResponseEndpoint) -> Response:
        request.state.user = User("usr_1", Kind.USER)
        request.state.traceparent = new_traceparent(random_ids)
        return await call(request)

    http = httpx.AsyncClient(
        transport=httpx.MockTransport(research), base_url="http://research/internal"
    )
    ports = SimpleNamespace(
        commands=Commands(),
        research=OwnerApi("research", http),
        credits=OwnerApi("credits", http),
        clock=system_clock,
    )
    app = FastAPI()
    app.add_middleware(BaseHTTPMiddleware, dispatch=known)
    problems.add_handlers(app)
    app.include_router(create_router(cast(Ports, ports)))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway"
    ) as client:
        yield client
    await http.aclose()


def ready_but_silent(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/readyz":
        return httpx.Response(200)
    raise httpx.ReadTimeout("it may have been done")


async def test_a_deletion_that_is_not_confirmed_is_unknown() -> None:
    async with gateway(ready_but_silent) as client:
        answer = await client.delete(PATH)
    assert answer.status_code == 504
    body = answer.json()
    assert body["type"] == "/problems/outcome-unknown"
    assert body["personId"] == PERSON
    assert PATH in body["detail"]


async def test_nothing_is_deleted_where_the_service_is_not_ready() -> None:
    asked = []

    def away(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(503)

    async with gateway(away) as client:
        answer = await client.delete(PATH)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert "DELETE" not in asked


@pytest.mark.parametrize("answer", [200, 404])
async def test_a_deletion_that_is_answered_is_passed_on(answer: int) -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.url.path == "/readyz" else answer, json={})

    async with gateway(answering) as client:
        assert (await client.delete(PATH)).status_code == answer


async def test_an_accepted_person_who_cannot_be_read_is_not_refused() -> None:
    async with gateway(ready_but_silent) as client:
        answer = await client.post("/api/deep-research/people", json=NEW)
    assert answer.status_code == 504
    body = answer.json()
    assert body["type"] == "/problems/outcome-unknown"
    assert body["runId"] == "run_1"
    assert body["personId"] in body["detail"]
