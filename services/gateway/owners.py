"""The services that own what the API shows: reading from them, and whether they are there."""

from typing import Any

import httpx
import structlog
from fastapi import Response

from libs.contracts.gateway import Reply
from services.gateway.fresh import Fresh
from services.gateway.problems import Problem, not_found, outcome_unknown, unavailable

log = structlog.get_logger()

HEALTH_TIMEOUT_S = 0.8


class OwnerApi:
    """One service's internal HTTP API."""

    def __init__(self, name: str, http: httpx.AsyncClient) -> None:
        self.name = name
        self._http = http
        self.ready = Fresh(self._look)
        """Whether the service can take commands."""

    async def _look(self) -> bool:
        try:
            # Readiness lies beside the internal API, not in it.
            url = self._http.base_url.join("/readyz")
            answer = await self._http.get(url, timeout=HEALTH_TIMEOUT_S)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    async def read(self, path: str, what: str, **query: Any) -> Response:
        """An answer of the service, passed on as it is.

        Raises:
            Problem: 404 where the service has no such object, 400 for a query that it
                refuses, 503 where it is away.
        """
        answer = await self.call("GET", path, params={k: v for k, v in query.items() if v})
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise not_found(what)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise Problem(400, "bad-request", answer.json()["detail"])
        return Response(answer.content, media_type="application/json")

    async def resolve(self, run_id: str, user_id: str, subject_id: str) -> Reply | None:
        """The outcome of a command as the service's records have it, which decides it if the
        command never came; None if it is undecided, or the service does not say."""
        asked = {"user_id": user_id, "subject_id": subject_id}
        try:
            answer = await self.call("POST", f"/runs/{run_id}/resolve", json=asked)
        except Problem:
            return None
        body = answer.json() if answer.status_code == httpx.codes.OK else None
        return Reply.model_validate(body) if body is not None else None

    async def change(
        self, method: str, path: str, unknown: str, *, json: Any = None, **members: Any
    ) -> httpx.Response:
        """Asks the service for a change outside of a command; what it answers is below 500.

        `unknown` tells the caller how to learn the outcome, `members` are those of the problem.

        Raises:
            Problem: 503 where nothing was sent, 504 where the outcome is unknown.
        """
        if not await self.ready():
            raise unavailable(f"The {self.name} service is not ready. Nothing was done; try again.")
        try:
            return await self.call(method, path, json=json)
        except Problem as problem:
            raise outcome_unknown(unknown, **members) from problem

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Calls the service; what it answers is below 500.

        Raises:
            Problem: 503 where it is away or fails.
        """
        try:
            answer = await self._http.request(method, path, **arguments)
            if answer.is_server_error:
                answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("service does not answer", owner=self.name, error=repr(error))
            raise unavailable(f"The {self.name} service does not answer. Try again.") from error
        return answer

    async def close(self) -> None:
        await self._http.aclose()
