"""Who calls, and under which request id. Decided before anything else of a request is read."""

import re
from collections.abc import Callable
from typing import Annotated

import structlog
from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.messaging.clock import Ids, new_traceparent, trace_id
from services.gateway.problems import Problem, not_found
from services.gateway.store import Kind, Store, User

log = structlog.get_logger()

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
RUN_ID = re.compile(r"run_[0-9a-z]{1,64}")
PROTECTED = "/api/"


class RequestIdMiddleware:
    """Gives every request an id and a trace, on its response and on its log lines."""

    def __init__(self, app: ASGIApp, ids: Ids) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else self._ids()
        given = headers.get("traceparent", "")
        trace = given if TRACEPARENT.fullmatch(given) else new_traceparent(self._ids)
        scope.setdefault("state", {})["traceparent"] = trace

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(
            request_id=request_id, trace_id=trace_id(trace)
        ):
            await self._app(scope, receive, with_id)


class KeyMiddleware:
    """Answers 401 to calls of the API without a valid key, and knows the caller of the others."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PROTECTED):
            try:
                scope["state"]["user"] = await self._caller(Headers(scope=scope))
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _caller(self, headers: Headers) -> User:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Problem(401, "unauthorized", "Send a key: Authorization: Bearer pk_live_…")
        try:
            user = await self._store.user_of_key(key.strip())
        except Exception as error:
            log.error("keys cannot be looked up", error=repr(error))
            raise Problem(
                503, "unavailable", "Keys cannot be checked at the moment. Try again."
            ) from error
        if user is None:
            raise Problem(401, "unauthorized", "This key is unknown or was revoked.")
        return user


def _of_kind(*kinds: Kind) -> Callable[[Request], User]:
    def caller(request: Request) -> User:
        user: User = request.state.user
        if user.kind not in kinds:
            raise Problem(
                403, "forbidden", f"This route is for {' and '.join(kinds)} keys, not {user.kind}."
            )
        return user

    return caller


def _trace(request: Request) -> str:
    trace: str = request.state.traceparent
    return trace


Trace = Annotated[str, Depends(_trace)]
UserCaller = Annotated[User, Depends(_of_kind(Kind.USER))]
AdminCaller = Annotated[User, Depends(_of_kind(Kind.ADMIN))]


def _run_id(run_id: str) -> str:
    if not RUN_ID.fullmatch(run_id):
        raise not_found("run")
    return run_id


RunId = Annotated[str, Depends(_run_id)]
