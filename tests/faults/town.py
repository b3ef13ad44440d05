"""Where the users of a run live: the sites that are read, who else is there, and the clients."""

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from tests.e2e.site import PERSON, Site
from tests.e2e.stack import Ready
from tests.faults.client import Client
from tests.faults.memory import Call, Fate, Findings, Json, Tenant, Wish

PEOPLE = "/api/deep-research/people"
RICH_CREDITS = 10_000
POOR_CREDITS = 3
POOR_GRANT_CREDITS = 2
READABLE_OF_TEN = 8
"""The others are out of order: a run on them fails."""


@dataclass
class Town:
    """What actors share."""

    ready: Ready
    findings: Findings
    chance: random.Random
    tenants: list[Tenant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._exits = AsyncExitStack()
        self._clients: dict[str, Client] = {}
        self._good, self._broken = Site(), Site()
        self._broken.closed = True
        self.admin = Tenant("", self.ready.admin_key)

    def site(self) -> str:
        """The address of a site, which may be out of order."""
        good = self.chance.randrange(10) < READABLE_OF_TEN
        return (self._good if good else self._broken).url

    def person(self) -> Json:
        first, last, company = PERSON
        who = {"firstName": first, "lastName": last, "company": company}
        return {**who, "companyWebsite": self.site()}

    def client(self, tenant: Tenant) -> Client:
        return self._clients[tenant.key]

    def others(self, tenant: Tenant) -> Sequence[Tenant]:
        return [other for other in self.tenants if other is not tenant]

    @property
    def requests(self) -> int:
        return sum(client.requests for client in self._clients.values())

    async def settle(self, rich: int, poor: int) -> None:
        """Makes the users, while nothing is wrong yet."""
        for index in range(rich + poor):
            is_poor = index >= rich
            admin = self.client(self.admin)
            user = await admin.made("/api/admin/users", {"kind": "user"})
            user_id = user["user"]["id"]
            key = (await admin.made(f"/api/admin/users/{user_id}/api-keys"))["api_key"]
            tenant = Tenant(user_id, key, poor=is_poor)
            await self._move_in(tenant)
            self.tenants.append(tenant)
            granted = await self.grant(tenant, POOR_CREDITS if is_poor else RICH_CREDITS)
            assert granted.fate is Fate.ACCEPTED, granted

    async def grant(self, tenant: Tenant, amount: int) -> Call:
        """Has the administrator give credits; the reason tells this grant from all others."""
        reason = f"grant {self.chance.getrandbits(64):x}"
        body = {"userId": tenant.user_id, "amount": amount, "reason": reason}
        admin = self.client(self.admin)
        call = await admin.post(
            Wish.GRANT, "/api/admin/credits/grants", body, text=reason, amount=amount
        )
        tenant.calls.append(call)
        return call

    async def _move_in(self, tenant: Tenant) -> None:
        client = Client(self.ready.url, tenant, self.findings)
        self._clients[tenant.key] = await self._exits.enter_async_context(client)

    async def __aenter__(self) -> Self:
        self._exits.enter_context(self._good)
        self._exits.enter_context(self._broken)
        await self._move_in(self.admin)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()
