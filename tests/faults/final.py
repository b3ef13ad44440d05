"""The end of a run of faults: waits until nothing is under way, then looks at everything."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import httpx

from libs.audit.postgres import CannotLook
from tests.e2e.database import Databases
from tests.e2e.stack import Up
from tests.faults import judge
from tests.faults.audit import Audit
from tests.faults.judge import UNDONE, StoredRun
from tests.faults.memory import Fate, Json, Tenant, Wish
from tests.faults.reads import context, filled_fields
from tests.faults.town import PEOPLE, Town

QUIET_WITHIN_S = 150.0
POLL_S = 1.0
PAGE = 200

OPEN = "state IN ('holding', 'dispatching', 'queued', 'working')"
UNENDED = {
    "research": f"SELECT id, state, settlement FROM runs WHERE {OPEN} OR due_at IS NOT NULL",
    "context": f"SELECT id, state FROM runs WHERE {OPEN} OR due_at IS NOT NULL",
}
RUNS = {
    "research": "SELECT id, user_id, state, traceparent, person_id AS about, created_at FROM runs",
    "context": "SELECT id, user_id, state, traceparent, freeform AS about, created_at FROM runs",
}


class NoAnswer(Exception):
    """The API does not answer in the end."""


class Final:
    """Checks of a stack that no fault hits any more."""

    def __init__(self, up: Up, town: Town, audit: Audit) -> None:
        self._up = up
        self._town = town
        self._audit = audit
        self._databases = Databases(up.folder)

    async def quiet(self) -> list[str]:
        """Waits until all is ready and every run has ended and is settled; answers what is not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + QUIET_WITHIN_S
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            while True:
                if await self._up.all_ready(http):
                    missing = await self._unended()
                else:
                    missing = ["not every process is ready"]
                if not missing or loop.time() > deadline:
                    return missing
                await asyncio.sleep(POLL_S)

    async def _unended(self) -> list[str]:
        return [
            f"{service}: {dict(row)}"
            for service, query in UNENDED.items()
            for row in await self._databases.fetch(service, query)
        ]

    async def check(self) -> None:
        """Adds everything that is not as it must be to the findings."""
        try:
            await self._check()
        except (NoAnswer, CannotLook) as error:
            self._town.findings.add(7, str(error))

    async def _check(self) -> None:
        await self._audit.look(grace=timedelta(0))
        research, regenerations = [await self._runs(service) for service in RUNS]
        people = await self._databases.fetch("research", "SELECT id, user_id FROM people")
        tenants = self._town.tenants
        own = {tenant.user_id for tenant in tenants}
        stored = {row["id"]: row["user_id"] for row in people if row["user_id"] in own}
        runs = [*research, *regenerations]
        self._add(judge.answers(tenants, runs))
        await self._audit.answers(judge.told(tenants, runs))
        self._add(judge.people(tenants, stored, research))
        for tenant in tenants:
            await self._of_one(tenant, research, regenerations)

    async def _runs(self, service: str) -> list[StoredRun]:
        return [StoredRun(**row) for row in await self._databases.fetch(service, RUNS[service])]

    async def _of_one(
        self, tenant: Tenant, research: list[StoredRun], regenerations: list[StoredRun]
    ) -> None:
        """What a tenant sees through the API is what they were told, and what is stored."""
        await context(self._town, tenant)
        shown = await self._get(tenant, "/api/context")
        freeform = ((shown["context"] or {}).get("extra") or {}).get("freeform")
        self._add(judge.words(tenant, regenerations, freeform))
        if without := filled_fields(shown) - {path for path, by in shown["evidence"].items() if by}:
            self._town.findings.add(8, f"of {tenant.user_id} without evidence: {sorted(without)}")
        traces = {call.trace for call in tenant.of(Wish.ADD, Wish.RUN) if call.fate != "refused"}
        states = {}
        for run in research:
            if run.traceparent in traces and run.state not in UNDONE:
                found = await self._get(tenant, f"/api/deep-research/runs/{run.id}")
                states[run.id] = found["run"]["status"]
                if not found["run"]["credits"]["final"]:
                    self._town.findings.add(5, f"run {run.id} is not settled: {found['run']}")
        entries = await self._ledger(tenant)
        balance = await self._get(tenant, "/api/credits/balance")
        self._add(judge.accounts(tenant, entries, balance, states))
        for person in tenant.people.values():
            deleted = any(
                call.person_id == person.id for call in tenant.of(Wish.DELETE, fate=Fate.ACCEPTED)
            )
            there = bool(await self._get(tenant, f"{PEOPLE}/{person.id}"))
            if there if deleted else person.stays and not there:
                self._town.findings.add(7, f"person {person.id}: deleted {deleted}, shown {there}")

    async def _ledger(self, tenant: Tenant) -> list[Json]:
        entries: list[Json] = []
        cursor = ""
        while True:
            page = await self._get(tenant, f"/api/credits/ledger?limit={PAGE}{cursor}")
            entries += page["entries"]
            if page["nextCursor"] is None:
                return entries
            cursor = f"&cursor={page['nextCursor']}"

    async def _get(self, tenant: Tenant, path: str) -> Json:
        body = await self._town.client(tenant).get(path)
        if body is None:
            raise NoAnswer(f"GET {path} is not answered although no fault is left")
        return body

    def _add(self, found: Iterable[tuple[int, str]]) -> None:
        for statement, what in found:
            self._town.findings.add(statement, what)
