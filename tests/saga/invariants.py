"""What must always hold, by the audit of the databases that a world has."""

import asyncio
from datetime import timedelta
from functools import partial

from libs.audit.audit import audit
from libs.audit.passes import Databases
from libs.audit.statements import Rules
from tests.saga.world import WINDOW, World

AT_ANY_TIME = timedelta.max
AT_REST = timedelta(0)


async def _audited(world: World, grace: timedelta) -> None:
    urls = {
        service: engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        for service, engine in world.databases.engines.items()
    }
    rules = Rules(window=WINDOW, grace=grace)
    async with Databases.at(urls) as databases:
        # Nothing happens meanwhile: what is wrong now stays.
        results = await audit(databases, rules, world.clock, pause=partial(asyncio.sleep, 0))
    wrong = [violation for found in results for violation in found.violations]
    assert not wrong, "\n".join(map(str, wrong))


async def check_all(world: World) -> None:
    """Checks everything that holds at every instant."""
    await _audited(world, AT_ANY_TIME)


async def everything_ended_and_settled(world: World) -> None:
    """No run is open and none waits for its settlement; nothing is held and nothing unsent."""
    await _audited(world, AT_REST)
    for service in ("credits", "research", "context"):
        assert not await world.rows(service, "SELECT id, type FROM outbox"), service
