"""Errors as `application/problem+json` (RFC 9457), each kind with a stable `type`."""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

TITLES = {
    "bad-request": "The request is not valid",
    "unauthorized": "No valid API key",
    "payment-required": "Not enough credits",
    "forbidden": "Not allowed with this key",
    "not-found": "Not found",
    "method-not-allowed": "Method not allowed",
    "already-running": "Research on this person is already running",
    "already-complete": "Research on this person is already complete",
    "person-exists": "This person is already there",
    "conflict": "The run id was used for something else",
    "content-too-large": "The body is too large",
    "unsupported-media-type": "The body is not JSON",
    "rate-limited": "Too early",
    "internal-error": "Something went wrong here",
    "unavailable": "Temporarily unavailable",
    "outcome-unknown": "The outcome is not known yet",
}

TYPE_OF_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "content-too-large",
    415: "unsupported-media-type",
    500: "internal-error",
    503: "unavailable",
}

RETRY_AFTER_S = 2


class Problem(Exception):
    """An answer that is an error. `members` are the extra members of its body."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    def response(self) -> JSONResponse:
        headers = dict(self.headers)
        if self.status == 503:
            headers.setdefault("Retry-After", str(RETRY_AFTER_S))
        if self.status == 401:
            headers.setdefault("WWW-Authenticate", "Bearer")
        return JSONResponse(
            {
                "type": f"/problems/{self.kind}",
                "title": TITLES[self.kind],
                "status": self.status,
                "detail": self.detail,
                **self.members,
            },
            status_code=self.status,
            headers=headers,
            media_type="application/problem+json",
        )


def bad_request(errors: Sequence[dict[str, str]]) -> Problem:
    """A 400 that points at each field that is wrong."""
    detail = "; ".join(f"{e['pointer'] or 'the body'}: {e['detail']}" for e in errors)
    return Problem(400, "bad-request", detail, errors=list(errors))


def not_found(what: str) -> Problem:
    return Problem(404, "not-found", f"There is no such {what}.")


def unavailable(detail: str) -> Problem:
    return Problem(503, "unavailable", detail)


def outcome_unknown(detail: str, **members: Any) -> Problem:
    """A 504: something was sent and may be done; `detail` says how to learn whether it was."""
    return Problem(504, "outcome-unknown", detail, **members)


class UnexpectedMiddleware:
    """Answers a 500 as a problem when something fails that nobody has thought of."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            log.exception("request failed", path=scope.get("path"))
            if started or scope["type"] != "http":
                raise
            problem = Problem(500, "internal-error", "The error was logged under the request id.")
            await problem.response()(scope, receive, send)


def add_handlers(app: FastAPI) -> None:
    """Makes every error of the app a problem."""

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> JSONResponse:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_pointed(e) for e in error.errors()]
        return bad_request(errors).response()

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        kind = TYPE_OF_STATUS.get(error.status_code, "internal-error")
        headers = dict(error.headers or {})
        return Problem(error.status_code, kind, str(error.detail), headers=headers).response()


def _pointed(error: Any) -> dict[str, str]:
    """A validation error with a JSON pointer to the field, or the name of the parameter."""
    place, *path = error["loc"]
    if error["type"] == "json_invalid":
        return {"pointer": "", "detail": f"not JSON: {error['ctx']['error']}"}
    message = error["msg"].removeprefix("Value error, ")
    if place == "body":
        return {"pointer": "".join(f"/{part}" for part in path), "detail": message}
    return {"pointer": "", "detail": message, "parameter": ".".join(map(str, path))}
