"""Whether a stack does what it is for, not merely says so: commands go through all its services."""

import asyncio
from dataclasses import dataclass

from tests.e2e.api import Admin, User
from tests.e2e.database import Databases
from tests.e2e.site import Site
from tests.e2e.stack import Up
from tests.e2e.wait import eventually

RECOVERS_S = 90.0


@dataclass(frozen=True)
class Probe:
    """A user who can do nothing but ask: no credits, and no regeneration for a day."""

    up: Up
    user: User
    person_id: str

    async def works(self, within_s: float = RECOVERS_S) -> None:
        """Waits until commands get their answers: from credits, research and context."""
        await self.up.ready_again(within_s)

        async def look() -> bool:
            run, regeneration = await asyncio.gather(
                self.user.run(self.person_id), self.user.regenerate(website="https://example.com")
            )
            return (run.status_code, regeneration.status_code) == (402, 429)

        await eventually("commands are answered", look, within_s=within_s)


async def make_probe(up: Up, admin: Admin, databases: Databases) -> Probe:
    """A probe of a stack that works."""
    user = await admin.user()
    with Site() as site:
        [person_id] = await databases.idle_people(user.id, 1, site.url)
        answer = await user.regenerate(website=site.url)
        assert answer.status_code == 200, answer.text
        run = await user.regenerated(answer.json()["runId"])
        assert run["status"] == "complete", run
    return Probe(up, user, person_id)
