"""What users look at of their own, and what they then expect from what they saw before.

What was known when a read was *sent* must be in its answer; what others learn meanwhile need not.
"""

from collections.abc import Awaitable, Callable

from tests.faults.memory import Json, KnownPerson, Tenant
from tests.faults.town import PEOPLE, Town

MOST_LISTED = 200
SECTIONS = ("user", "company", "content", "market")


async def people(town: Town, tenant: Tenant) -> None:
    """Everybody who was added is listed, and nobody else's people."""
    before = set(tenant.staying())
    body = await town.client(tenant).get(f"{PEOPLE}?limit={MOST_LISTED}")
    if body is None:
        return
    listed = {person["id"] for person in body["people"]}
    if body["nextCursor"] is None and (missing := before & set(tenant.staying()) - listed):
        town.findings.add(7, f"people of {tenant.user_id} are not listed: {sorted(missing)}")
    for other in town.others(tenant):
        if foreign := listed & other.people.keys():
            town.findings.add(9, f"{tenant.user_id} sees people of others: {sorted(foreign)}")


async def reports(town: Town, tenant: Tenant) -> None:
    """Versions grow by one without gaps, and none is lost."""
    person = _somebody(town, tenant)
    if person is None:
        return
    seen = person.version
    body = await town.client(tenant).get(f"{PEOPLE}/{person.id}/reports")
    if body is None or not _is_there(town, tenant, person, body):
        return
    versions = [report["version"] for report in body["reports"]]
    newest = max(versions, default=0)
    if versions != list(range(newest, max(0, newest - len(versions)), -1)):
        town.findings.add(8, f"versions of the reports on {person.id}: {versions}")
    if newest < seen:
        town.findings.add(8, f"report {seen} on {person.id} was there, now {newest} is the newest")
    person.version = max(person.version, newest)


async def one_person(town: Town, tenant: Tenant) -> None:
    """Somebody who was added is there until they are deleted, with their newest report."""
    if person := _somebody(town, tenant):
        for path in ("", "/report"):
            body = await town.client(tenant).get(f"{PEOPLE}/{person.id}{path}")
            if body is not None:
                _is_there(town, tenant, person, body)


async def runs(town: Town, tenant: Tenant) -> None:
    """Runs that were accepted are there for ever, deleted people's too."""
    for known, path in (
        (tenant.research_runs, "/api/deep-research/runs"),
        (tenant.context_runs, "/api/context/runs"),
    ):
        if known:
            run_id = town.chance.choice(sorted(known))
            if await town.client(tenant).get(f"{path}/{run_id}") == {}:
                town.findings.add(7, f"the accepted run {run_id} is not found")


async def balance(town: Town, tenant: Tenant) -> None:
    """Nobody owes credits."""
    body = await town.client(tenant).get("/api/credits/balance")
    if body and (body["balance"] < 0 or body["held"] < 0):
        town.findings.add(3, f"the balance of {tenant.user_id}: {body}")


async def context(town: Town, tenant: Tenant) -> None:
    """A field that had a text has one: a failed regeneration takes nothing away."""
    before = set(tenant.filled)
    body = await town.client(tenant).get("/api/context")
    if body is None:
        return
    filled = filled_fields(body)
    if emptied := before - filled:
        town.findings.add(8, f"the context of {tenant.user_id} lost {sorted(emptied)}")
    tenant.filled |= filled


READS: tuple[Callable[[Town, Tenant], Awaitable[None]], ...] = (
    people,
    reports,
    one_person,
    runs,
    balance,
    context,
)


def filled_fields(body: Json) -> set[str]:
    """The paths of the generated fields that have a text, in an answer of the API."""
    sections = body["context"] or {}
    return {
        f"{section}.{name}"
        for section in SECTIONS
        for name, value in (sections.get(section) or {}).items()
        if value
    }


def _somebody(town: Town, tenant: Tenant) -> KnownPerson | None:
    staying = tenant.staying()
    return tenant.people[town.chance.choice(staying)] if staying else None


def _is_there(town: Town, tenant: Tenant, person: KnownPerson, body: Json) -> bool:
    if not body and person.stays:
        town.findings.add(7, f"person {person.id} of {tenant.user_id} is not found")
    return bool(body)
