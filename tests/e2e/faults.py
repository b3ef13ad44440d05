"""What the tests of all faults ask for."""

import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import httpx

from tests.e2e.api import PEOPLE, User, problem
from tests.e2e.database import Databases
from tests.e2e.site import Site
from tests.e2e.wait import eventually

REFUSED_WITHIN_S = 2.0


@asynccontextmanager
async def nothing_changes(user: User) -> AsyncIterator[None]:
    """Whatever the block asks for leaves the user's people, credits and context as they were."""

    async def state() -> dict[str, object]:
        people = (await user.get(PEOPLE))["people"]
        return {
            # The time of the last change may tell that something was tried.
            "people": [{k: v for k, v in p.items() if k != "updated_at"} for p in people],
            "balance": await user.balance(),
            "ledger": await user.ledger(),
            "context": await user.get("/api/context"),
        }

    before = await state()
    yield
    assert await state() == before


async def all_refused_in_time(user: User, person_id: str, site: Site) -> None:
    """All three calls that start something answer 503 within two seconds."""
    for call in (
        user.run(person_id),
        user.add(site.url),
        user.regenerate(website=site.url, freeformContext="refused"),
    ):
        await refused_in_time(call)


async def refused_in_time(call: Awaitable[httpx.Response]) -> None:
    """The call answers 503 within two seconds."""
    began = time.monotonic()
    answer = await call
    took_s = time.monotonic() - began
    problem(answer, 503, "unavailable")
    assert took_s < REFUSED_WITHIN_S, f"it took {took_s:.2f} s"


async def rules_hold(databases: Databases) -> None:
    """Waits until everything that is under way has ended, and all rules hold."""
    broken: list[str] = []

    async def look() -> bool:
        broken[:] = await databases.broken_rules()
        return not broken

    try:
        await eventually("no rule is broken", look)
    except AssertionError as error:
        raise AssertionError("\n".join(broken)) from error


async def reading(site: Site) -> None:
    """Waits until a worker reads the site, which was told to hold it up."""

    async def look() -> bool:
        return site.visited()

    await eventually("a worker reads the site", look)
