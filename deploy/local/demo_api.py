"""What the demo asks of the gateway: nothing but the public HTTP API."""

from typing import Any, Self

import httpx

TIMEOUT_SECONDS = 30

Json = dict[str, Any]


class Refused(Exception):
    """The API answered an error; the message is what it said."""


class Api:
    """The HTTP API with a user's key."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> Json:
        """The body of GET `path`.

        Raises:
            Refused: the answer is an error.
        """
        return await self._answer("GET", path, None)

    async def post(self, path: str, body: Json) -> Json:
        """The body of POST `path`.

        Raises:
            Refused: the answer is an error.
        """
        return await self._answer("POST", path, body)

    async def _answer(self, method: str, path: str, body: Json | None) -> Json:
        try:
            response = await self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise Refused(f"{method} {path} was not answered: {error!r}") from error
        if not response.is_success:
            raise Refused(f"{method} {path} answered {response.status_code}: {response.text[:600]}")
        answer: Json = response.json()
        return answer
