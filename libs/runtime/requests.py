"""How long requests take, by route."""

import time

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"
NO_ROUTE = "none"
NO_ANSWER = 499
"""The status under which a request counts whose caller went before it was answered."""

DURATIONS = Histogram(
    "dossier_http_request_duration_seconds",
    "Time to the end of the response. The route is its template; `none` where none was reached.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class RequestMetrics:
    """Measures every request, whatever becomes of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = NO_ANSWER

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = 500
            raise
        finally:
            DURATIONS.labels(_method(scope), _route(scope), status).observe(
                time.perf_counter() - began
            )


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else OTHER_METHOD


def _route(scope: Scope) -> str:
    """The template of the route that the router has chosen: a path would be a label per person."""
    path: str = getattr(scope.get("route"), "path", NO_ROUTE)
    return path
