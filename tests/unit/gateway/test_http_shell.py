"""The shell around the routes: bodies, problems and request ids, in one small app."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, HTTPException, Path, Query, Request
from starlette.middleware import Middleware

from libs.messaging.clock import random_ids
from services.gateway import problems
from services.gateway.body import BodyMiddleware
from services.gateway.identity import RequestIdMiddleware
from services.gateway.problems import Problem
from services.gateway.schemas import AddPerson

LIMIT = 1000


def small_app() -> FastAPI:
    """Routes behind the middlewares and error handlers of the gateway."""
    app = FastAPI(
        middleware=[
            Middleware(RequestIdMiddleware, ids=random_ids),
            Middleware(problems.UnexpectedMiddleware),
            Middleware(BodyMiddleware, max_bytes=LIMIT),
        ]
    )
    problems.add_handlers(app)

    @app.post("/echo")
    async def echo(request: Request) -> dict[str, Any]:
        return {"bytes": len(await request.body()), "trace": request.state.traceparent}

    @app.post("/people")
    async def people(body: AddPerson) -> dict[str, Any]:
        return body.model_dump()

    @app.get("/numbers/{number}")
    async def number(
        number: Annotated[int, Path(ge=1)], limit: Annotated[int, Query(le=5)] = 1
    ) -> int:
        return number * limit

    @app.get("/problem/{status}/{kind}")
    async def problem(status: int, kind: str) -> None:
        raise Problem(status, kind, "Because.", runId="run_1")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")

    @app.get("/crash")
    async def crash() -> None:
        raise RuntimeError("secret detail")

    return app


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(small_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


def problem_of(response: httpx.Response, status: int, kind: str) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]
    body = response.json()
    assert body["type"] == f"/problems/{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


class TestBodies:
    async def test_at_the_limit_is_taken(self, client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json"}
        answer = await client.post("/echo", content=b"x" * LIMIT, headers=headers)
        assert answer.json()["bytes"] == LIMIT

    async def test_above_the_limit_is_413(self, client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json"}
        answer = await client.post("/echo", content=b"x" * (LIMIT + 1), headers=headers)
        body = problem_of(answer, 413, "content-too-large")
        assert str(LIMIT) in body["detail"]

    async def test_above_the_limit_without_a_stated_length_is_413(
        self, client: httpx.AsyncClient
    ) -> None:
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1
                yield b"x" * 100

        headers = {"content-type": "application/json"}
        answer = await client.post("/echo", content=endless(), headers=headers)
        problem_of(answer, 413, "content-too-large")
        assert read <= LIMIT / 100 + 2

    async def test_a_length_that_lies_is_not_believed(self, client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json", "content-length": "5"}
        answer = await client.post("/echo", content=b"x" * (LIMIT + 1), headers=headers)
        problem_of(answer, 413, "content-too-large")

    @pytest.mark.parametrize(
        "media_type",
        ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"],
    )
    async def test_json_is_taken(self, client: httpx.AsyncClient, media_type: str) -> None:
        answer = await client.post("/echo", content=b"{}", headers={"content-type": media_type})
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""]
    )
    async def test_anything_else_is_415(self, client: httpx.AsyncClient, media_type: str) -> None:
        answer = await client.post("/echo", content=b"{}", headers={"content-type": media_type})
        problem_of(answer, 415, "unsupported-media-type")

    async def test_no_stated_type_is_415(self, client: httpx.AsyncClient) -> None:
        problem_of(await client.post("/echo", content=b"{}"), 415, "unsupported-media-type")

    async def test_no_body_needs_no_type(self, client: httpx.AsyncClient) -> None:
        assert (await client.post("/echo")).json()["bytes"] == 0

    async def test_a_caller_that_leaves_is_not_answered(self) -> None:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise AssertionError("the app must not see half a body")

        scope = {"type": "http", "method": "POST", "headers": []}
        await BodyMiddleware(app, max_bytes=LIMIT)(scope, receive, send)
        assert sent == []

    async def test_the_app_still_sees_the_caller_leave(self) -> None:
        messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]
        seen: list[str] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            await asyncio.sleep(0)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.extend([(await receive())["type"], (await receive())["type"]])

        scope = {"type": "http", "method": "POST", "headers": []}
        await BodyMiddleware(app, max_bytes=LIMIT)(scope, receive, send)
        assert seen == ["http.request", "http.disconnect"]


class TestPointers:
    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({"firstName": 5, "lastName": "Doe", "company": ""}, {"/firstName", "/company"}),
            ({}, {""}),
            ([], {""}),
            (None, {""}),
        ],
    )
    async def test_each_wrong_field_is_pointed_at(
        self, client: httpx.AsyncClient, body: Any, pointers: set[str]
    ) -> None:
        answer = await client.post("/people", json=body)
        problem = problem_of(answer, 400, "bad-request")
        assert {error["pointer"] for error in problem["errors"]} == pointers
        assert all(error["detail"] for error in problem["errors"])

    async def test_a_missing_body_is_400(self, client: httpx.AsyncClient) -> None:
        problem_of(await client.post("/people"), 400, "bad-request")

    @pytest.mark.parametrize("content", [b"{", b"{'a': 1}", b"\xff\xfe", b"[" * 900, b'{"a":}'])
    async def test_what_is_not_json_is_400(self, client: httpx.AsyncClient, content: bytes) -> None:
        headers = {"content-type": "application/json"}
        answer = await client.post("/people", content=content, headers=headers)
        problem_of(answer, 400, "bad-request")

    async def test_the_values_that_were_sent_are_not_repeated(
        self, client: httpx.AsyncClient
    ) -> None:
        answer = await client.post("/people", json={"linkedinUrl": "https://private.example/x"})
        assert "private" not in answer.text

    async def test_a_parameter_is_named(self, client: httpx.AsyncClient) -> None:
        body = problem_of(await client.get("/numbers/0?limit=9"), 400, "bad-request")
        assert {error["parameter"] for error in body["errors"]} == {"number", "limit"}


class TestProblems:
    async def test_members_are_beside_the_standard_ones(self, client: httpx.AsyncClient) -> None:
        body = problem_of(await client.get("/problem/504/outcome-unknown"), 504, "outcome-unknown")
        assert body["runId"] == "run_1"

    async def test_unavailable_says_when_to_retry(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/problem/503/unavailable")
        problem_of(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0

    async def test_unauthorized_names_the_scheme(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/problem/401/unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"

    async def test_no_such_route(self, client: httpx.AsyncClient) -> None:
        problem_of(await client.get("/nowhere"), 404, "not-found")

    async def test_no_such_method(self, client: httpx.AsyncClient) -> None:
        answer = await client.delete("/people")
        problem_of(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == "POST"

    async def test_every_http_exception_is_a_problem(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/teapot")
        assert answer.status_code == 418
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_a_crash_is_a_problem_that_tells_no_details(
        self, client: httpx.AsyncClient
    ) -> None:
        answer = await client.get("/crash")
        problem_of(answer, 500, "internal-error")
        assert "secret" not in answer.text

    def test_every_type_has_a_title(self) -> None:
        assert set(problems.TYPE_OF_STATUS.values()) <= set(problems.TITLES)


class TestRequestIds:
    async def test_a_given_id_comes_back(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/echo", headers={"x-request-id": "my-id_1.2"})
        assert answer.headers["x-request-id"] == "my-id_1.2"

    @pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a;b", "<script>"])
    async def test_an_unfit_id_is_replaced(self, client: httpx.AsyncClient, given: str) -> None:
        answer = await client.post("/echo", headers={"x-request-id": given})
        assert answer.headers["x-request-id"] not in {given, ""}

    async def test_a_given_trace_goes_on(self, client: httpx.AsyncClient) -> None:
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        answer = await client.post("/echo", headers={"traceparent": trace})
        assert answer.json()["trace"] == trace

    @pytest.mark.parametrize("given", ["", "00-xyz", "01-" + "a" * 32 + "-" + "b" * 16 + "-01"])
    async def test_an_unfit_trace_is_replaced(self, client: httpx.AsyncClient, given: str) -> None:
        answer = await client.post("/echo", headers={"traceparent": given})
        fresh = answer.json()["trace"]
        assert fresh != given
        assert len(fresh) == 55
