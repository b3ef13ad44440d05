"""The public HTTP API as its callers use it."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.e2e.site import PERSON
from tests.e2e.stack import Ready
from tests.e2e.wait import eventually

Json = dict[str, Any]

TIMEOUT_S = 40.0
RUN_ENDS_S = 60.0
RETURNED = frozenset({"voided", "refunded", "declined"})
ENDED = frozenset({"complete", "failed", "cancelled", "rolled_back", "rejected"})
RUN_ID = re.compile(r"run_(?:[0-9a-f]{32,}|[a-z2-7]{26,})")
PEOPLE = "/api/deep-research/people"


@dataclass(frozen=True)
class User:
    """A user with a key, and what they do."""

    id: str
    key: str
    http: httpx.AsyncClient

    async def get(self, path: str) -> Json:
        """The body of a GET that has to succeed."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    async def post(self, path: str, body: Json | None = None) -> httpx.Response:
        # Our own encoding: a client library refuses to send some of what a server may get.
        headers = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        return await self.http.post(path, content=content, headers=headers)

    async def regenerate(self, **body: str) -> httpx.Response:
        return await self.post("/api/context/regenerate", body)

    async def add(self, website: str) -> httpx.Response:
        """Asks for a person who is researched on a site."""
        first, last, company = PERSON
        who = {"firstName": first, "lastName": last, "company": company}
        return await self.post(PEOPLE, {**who, "companyWebsite": website})

    async def added(self, website: str) -> tuple[str, str]:
        """A person's id and run, once both are accepted."""
        answer = await self.add(website)
        assert answer.status_code == 201, answer.text
        return answer.json()["person"]["id"], answer.json()["runId"]

    async def run(self, person_id: str, query: str = "") -> httpx.Response:
        return await self.post(f"{PEOPLE}/{person_id}/run{query}")

    async def runs_at_once(self, person_ids: list[str]) -> list[httpx.Response]:
        """Asks for a run on each of the people, without waiting in between."""
        return await asyncio.gather(*(self.run(person_id) for person_id in person_ids))

    async def person(self, person_id: str) -> Json:
        person: Json = (await self.get(f"{PEOPLE}/{person_id}"))["person"]
        return person

    async def report(self, person_id: str) -> Json:
        report: Json = (await self.get(f"{PEOPLE}/{person_id}/report"))["report"]
        return report

    async def balance(self) -> Json:
        return await self.get("/api/credits/balance")

    async def ledger(self, run_id: str | None = None) -> list[tuple[str, int]]:
        """Kind and amount of the entries, oldest first: of a run, or all."""
        entries = (await self.get("/api/credits/ledger?limit=200"))["entries"]
        return [
            (entry["kind"], entry["amount"])
            for entry in reversed(entries)
            if run_id in (None, entry["runId"])
        ]

    async def research_run(self, run_id: str) -> Json:
        run: Json = (await self.get(f"/api/deep-research/runs/{run_id}"))["run"]
        return run

    async def context_run(self, run_id: str) -> Json:
        run: Json = (await self.get(f"/api/context/runs/{run_id}"))["run"]
        return run

    async def settled(self, run_id: str, within_s: float = RUN_ENDS_S) -> Json:
        """A research run that has ended and whose credits are where its end wants them."""

        async def look() -> Json | None:
            run = await self.research_run(run_id)
            if not run["credits"]["final"]:
                return None
            wanted = {"charged"} if run["status"] == "complete" else RETURNED
            if run["status"] == "rejected":  # before a hold was asked for there is none
                wanted = RETURNED | {"none"}
            assert run["status"] in ENDED and run["credits"]["settlement"] in wanted, run
            return run

        return await eventually(f"{run_id} is settled", look, within_s=within_s)

    async def regenerated(self, run_id: str, within_s: float = RUN_ENDS_S) -> Json:
        """A context run that has ended."""

        async def look() -> Json | None:
            run = await self.context_run(run_id)
            return run if run["status"] in ENDED else None

        return await eventually(f"{run_id} has ended", look, within_s=within_s)


class Admin:
    """An administrator, who makes users. Leaving the block closes everybody's clients."""

    def __init__(self, ready: Ready) -> None:
        self._ready = ready
        self._clients: list[httpx.AsyncClient] = []
        self.http = self.client(ready.admin_key)

    def client(self, key: str | None) -> httpx.AsyncClient:
        """A client with a key, or with none."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=100)
        client = httpx.AsyncClient(
            base_url=self._ready.url,
            headers=headers,
            trust_env=False,
            timeout=TIMEOUT_S,
            limits=limits,
        )
        self._clients.append(client)
        return client

    async def user(self, *, credit: int = 0, kind: str = "user") -> User:
        """A new user with a key and some credits."""
        answer = await self.http.post("/api/admin/users", json={"kind": kind})
        assert answer.status_code == 201, answer.text
        user_id = answer.json()["user"]["id"]
        answer = await self.http.post(f"/api/admin/users/{user_id}/api-keys")
        assert answer.status_code == 201, answer.text
        key = answer.json()["api_key"]
        if credit:
            await self.grant(user_id, credit)
        return User(user_id, key, self.client(key))

    def first_user(self) -> User:
        """The user whose key a new stack prints."""
        return User(self._ready.user_id, self._ready.user_key, self.client(self._ready.user_key))

    async def grant(self, user_id: str, amount: int) -> None:
        body = {"userId": user_id, "amount": amount, "reason": "for a test"}
        answer = await self.http.post("/api/admin/credits/grants", json=body)
        assert answer.status_code == 201, answer.text

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()


def problem(answer: httpx.Response, status: int, kind: str) -> Json:
    """The body of an error, which has the shape that every error has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+json"
    assert answer.headers["x-request-id"]
    body: Json = answer.json()
    assert body["type"].rpartition("/")[2] == kind
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) > 0
    return body
