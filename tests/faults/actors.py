"""What users do all day, several of them at once and some of it at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.faults.memory import Call, Fate, KnownPerson, Tenant, Wish
from tests.faults.reads import READS
from tests.faults.spies import spy
from tests.faults.town import PEOPLE, POOR_GRANT_CREDITS, Town

THINKS_S = 0.4
"""The mean time between two acts of one actor."""
MOST_AT_ONCE = 5

Act = Callable[[Town, Tenant], Awaitable[None]]


async def add(town: Town, tenant: Tenant) -> None:
    """Adds a person, who is researched at once."""
    call = await town.client(tenant).post(Wish.ADD, PEOPLE, town.person())
    if call.fate is Fate.ACCEPTED:
        person_id = call.body["person"]["id"]
        call.person_id = person_id
        tenant.people[person_id] = KnownPerson(person_id)
        await _started(town, tenant, call)


async def run(town: Town, tenant: Tenant) -> None:
    """Asks for runs on one person: one, or several at once of which one may win."""
    if not (staying := tenant.staying()):
        return
    person_id = town.chance.choice(staying)
    times = town.chance.choice((1, 1, 1, 2, MOST_AT_ONCE))
    await asyncio.gather(*(_run_once(town, tenant, person_id) for _ in range(times)))


async def _run_once(town: Town, tenant: Tenant, person_id: str) -> None:
    refresh = "?refresh=true" if town.chance.random() < 0.7 else ""
    call = await town.client(tenant).post(
        Wish.RUN, f"{PEOPLE}/{person_id}/run{refresh}", person_id=person_id
    )
    if call.fate is Fate.ACCEPTED:
        await _started(town, tenant, call)


async def _started(town: Town, tenant: Tenant, call: Call) -> None:
    """A caller that got 200 finds the run, at once and by its id."""
    assert call.run_id
    tenant.research_runs.add(call.run_id)
    found = await town.client(tenant).get(f"/api/deep-research/runs/{call.run_id}")
    if found == {}:
        town.findings.add(7, f"{call}: run {call.run_id} is not found right afterwards")


async def delete(town: Town, tenant: Tenant) -> None:
    """Deletes a person, who may be being researched."""
    if not (staying := tenant.staying()):
        return
    person = tenant.people[town.chance.choice(staying)]
    person.delete_sent = True
    call = await town.client(tenant).delete(f"{PEOPLE}/{person.id}", person.id)
    found = await town.client(tenant).get(f"{PEOPLE}/{person.id}")
    if call.fate is Fate.ACCEPTED and found:
        town.findings.add(7, f"{call}: the person is still there")
    if call.fate is Fate.REFUSED and found == {}:
        town.findings.add(7, f"{call}: the person is gone all the same")


async def regenerate(town: Town, tenant: Tenant) -> None:
    """Asks for a regeneration with words of its own: one, or two at once of which one may win."""
    times = town.chance.choice((1, 1, 2))
    await asyncio.gather(*(_regenerate_once(town, tenant) for _ in range(times)))


async def _regenerate_once(town: Town, tenant: Tenant) -> None:
    text = f"We sell {town.chance.getrandbits(64):x} to small shipyards."
    body = {"website": town.site(), "freeformContext": text}
    call = await town.client(tenant).post(
        Wish.REGENERATE, "/api/context/regenerate", body, text=text
    )
    if call.fate is Fate.ACCEPTED:
        assert call.run_id
        tenant.context_runs.add(call.run_id)
        found = await town.client(tenant).get(f"/api/context/runs/{call.run_id}")
        if found == {}:
            town.findings.add(7, f"{call}: run {call.run_id} is not found right afterwards")


async def read(town: Town, tenant: Tenant) -> None:
    """Looks at something of their own."""
    await town.chance.choice(READS)(town, tenant)


async def beg(town: Town, tenant: Tenant) -> None:
    """Gets a few credits, if short of them."""
    if tenant.poor:
        await town.grant(tenant, POOR_GRANT_CREDITS)


ACTS: dict[Act, int] = {add: 4, run: 6, delete: 1, regenerate: 2, read: 8, beg: 1, spy: 3}
"""What is done, and how often in comparison."""


async def live(town: Town, tenant: Tenant, over: asyncio.Event) -> None:
    """Acts until the day is over."""
    while not over.is_set():
        [act] = town.chance.choices(list(ACTS), list(ACTS.values()))
        await act(town, tenant)
        await asyncio.sleep(town.chance.expovariate(1 / THINKS_S))
