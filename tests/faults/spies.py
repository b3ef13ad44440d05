"""What a tenant asks about others: the answer is that there is no such thing."""

from uuid import uuid4

from tests.faults.memory import Call, Tenant, Wish
from tests.faults.town import PEOPLE, Town

SAFE = (404, 503, 504, None)
"""Nothing is said of the object: it is not there, or nobody could look."""


async def spy(town: Town, tenant: Tenant) -> None:
    """Asks for one thing of somebody else's, by an id that is really theirs."""
    victim = town.chance.choice(town.others(tenant))
    people, runs, contexts = (
        sorted(victim.people),
        sorted(victim.research_runs),
        sorted(victim.context_runs),
    )
    if not people or not contexts:
        return
    person_id = town.chance.choice(people)
    path = f"{PEOPLE}/{person_id}"
    client = town.client(tenant)
    match town.chance.randrange(4):
        case 0:
            reads = [path, f"{path}/report", f"{path}/reports", f"{path}/reports/1"]
            reads.append(f"/api/deep-research/runs/{town.chance.choice(runs)}")
            reads.append(f"/api/context/runs/{town.chance.choice(contexts)}")
            for read in reads:
                if await client.get(read):
                    town.findings.add(9, f"{tenant.user_id} can read {read} of {victim.user_id}")
        case 1:
            _refused(town, await client.delete(path, person_id))
        case 2:
            _refused(town, await client.post(Wish.RUN, f"{path}/run", person_id=person_id))
        case _:
            await _same_as_nothing(town, tenant, person_id)


def _refused(town: Town, call: Call) -> None:
    if call.status not in SAFE:
        town.findings.add(9, f"{call}, and the person is somebody else's")


async def _same_as_nothing(town: Town, tenant: Tenant, person_id: str) -> None:
    """Not even a refusal says whether there is such a person."""
    client = town.client(tenant)
    nobody = str(uuid4())
    theirs = await client.post(Wish.RUN, f"{PEOPLE}/{person_id}/run", person_id=person_id)
    none = await client.post(Wish.RUN, f"{PEOPLE}/{nobody}/run", person_id=nobody)
    if theirs.status == none.status == 404 and theirs.body != none.body:
        town.findings.add(9, f"{theirs.body} tells that person {person_id} exists")
