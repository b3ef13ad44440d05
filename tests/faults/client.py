"""HTTP as a user of the API does it, with every change that was asked for written down."""

import asyncio
import json
from typing import Self

import httpx

from tests.faults.memory import Call, Fate, Findings, Json, Tenant, Wish

TIMEOUT_S = 40.0
ANSWERS_TO_READS = (200, 404, 503)
WHERE_TO_LOOK = {"runId", "grantId", "personId"}
KNOWN_ANSWERS = {
    Wish.ADD: (201, 402, 409, 503, 504),
    Wish.RUN: (200, 402, 404, 409, 503, 504),
    Wish.REGENERATE: (200, 429, 503, 504),
    Wish.DELETE: (200, 404, 503, 504),
    Wish.GRANT: (201, 503, 504),
}


class Client:
    """The API with the key of one user."""

    def __init__(self, url: str, tenant: Tenant, findings: Findings) -> None:
        self.tenant = tenant
        self._findings = findings
        self.requests = 0
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {tenant.key}"},
            trust_env=False,
            timeout=TIMEOUT_S,
        )

    async def get(self, path: str) -> Json | None:
        """The body of a 200, an empty one for a 404, and None where there was no answer to it."""
        self.requests += 1
        try:
            answer = await self._http.get(path)
        except httpx.TransportError:
            return None
        if answer.status_code not in ANSWERS_TO_READS:
            self._findings.add(7, f"GET {path} answered {answer.status_code}: {answer.text[:200]}")
        if answer.status_code == 404:
            return {}
        return dict(answer.json()) if answer.status_code == 200 else None

    async def made(self, path: str, body: Json | None = None) -> Json:
        """The body of a 201, for what cannot fail as long as nothing is wrong."""
        answer = await self._http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def post(
        self, wish: Wish, path: str, body: Json | None = None, **details: object
    ) -> Call:
        """Asks for something, and remembers the answer."""
        return await self._change(wish, "POST", path, body, details)

    async def delete(self, path: str, person_id: str) -> Call:
        return await self._change(Wish.DELETE, "DELETE", path, None, {"person_id": person_id})

    async def _change(
        self, wish: Wish, method: str, path: str, body: Json | None, details: dict[str, object]
    ) -> Call:
        loop = asyncio.get_running_loop()
        call = Call(wish=wish, user_id=self.tenant.user_id, sent_s=loop.time(), **details)  # type: ignore[arg-type]
        self.tenant.calls.append(call)
        self.requests += 1
        headers = {"traceparent": call.trace, "Content-Type": "application/json"}
        content = json.dumps(body) if body is not None else None
        try:
            answer = await self._http.request(method, path, content=content, headers=headers)
        except httpx.ConnectError:
            call.sent = False
            return call
        except httpx.TransportError:
            return call
        finally:
            call.ended_s = loop.time()
        call.status = answer.status_code
        call.body = answer.json()
        if answer.status_code not in KNOWN_ANSWERS[wish]:
            self._findings.add(7, f"{call}: {call.body.get('detail')}")
        if call.fate is Fate.UNKNOWN and not WHERE_TO_LOOK & call.body.keys():
            self._findings.add(7, f"{call}: does not say where to look")
        return call

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
