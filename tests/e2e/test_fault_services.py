"""A service or a worker hangs or dies."""

import asyncio

import pytest

from tests.e2e.api import PEOPLE, Admin, User, problem
from tests.e2e.database import Databases
from tests.e2e.faults import (
    nothing_changes,
    reading,
    refused_in_time,
    rules_hold,
)
from tests.e2e.probe import RECOVERS_S, Probe
from tests.e2e.site import Site
from tests.e2e.stack import (
    CONTEXT,
    CONTEXT_WORKER,
    CREDITS,
    GATEWAY,
    POSTGRES,
    RESEARCH,
    RESEARCH_WORKER,
    Up,
)
from tests.e2e.wait import eventually

HEALTH_IS_FRESH_FOR_S = 1.2
"""Longer than the gateway goes by what it last saw of a service."""
NOBODY = "3d4f2bb5-7b0e-4c4e-9a53-7f4a1c1d2e3f"


async def test_killed_worker_is_replaced_in_mid_run(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, site: Site
) -> None:
    user = await fault_admin.user(credit=1)
    site.hold()
    person_id, run_id = await user.added(site.url)
    regeneration = (await user.regenerate(website=site.url)).json()["runId"]
    await reading(site)
    await _both_work(user, run_id, regeneration)
    fault_up.kill(RESEARCH_WORKER)
    fault_up.kill(CONTEXT_WORKER)
    site.let_go()
    run = await user.settled(run_id, RECOVERS_S)
    assert (run["status"], run["attempt"]) == ("complete", 2)
    assert (await user.report(person_id))["version"] == 1
    assert await user.ledger(run_id) == [("charge", -1)]
    run = await user.regenerated(regeneration, RECOVERS_S)
    assert (run["status"], run["attempt"]) == ("complete", 2)
    await fault_probe.works()


async def test_killed_services_keep_what_was_accepted(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    user = await fault_admin.user(credit=40)
    people = await fault_databases.idle_people(user.id, 20, site.url)
    site.hold()
    _, first = await user.added(site.url)
    regeneration = (await user.regenerate(website=site.url)).json()["runId"]
    await reading(site)

    calls = [asyncio.create_task(user.run(person_id)) for person_id in people]
    await asyncio.sleep(0.03)  # so that the kill finds some before, some in and some after it
    for service in (RESEARCH, CONTEXT, CREDITS):
        fault_up.kill(service)
    answers = await asyncio.gather(*calls)
    fault_up.kill(GATEWAY)
    site.let_go()

    await fault_probe.works()
    accepted = [first]
    for person_id, answer in zip(people, answers, strict=True):
        if answer.status_code == 200:
            accepted.append(answer.json()["runId"])
        elif answer.status_code == 504:
            run_id = problem(answer, 504, "outcome-unknown")["runId"]
            if (await _in_the_end(user, run_id)) == "complete":
                accepted.append(run_id)
        else:
            problem(answer, 503, "unavailable")
            assert (await user.person(person_id))["status"] == "idle"
    for run_id in accepted:
        assert (await user.settled(run_id, RECOVERS_S))["status"] == "complete"
        assert await user.ledger(run_id) == [("charge", -1)]
    assert (await user.regenerated(regeneration, RECOVERS_S))["status"] == "complete"
    await rules_hold(fault_databases)
    assert (await user.balance())["balance"] == 40 - len(accepted)


async def test_hanging_service(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    user = await fault_admin.user(credit=1)
    [person_id] = await fault_databases.idle_people(user.id, 1, site.url)
    async with nothing_changes(user):
        for service in (RESEARCH, CREDITS):
            with fault_up.frozen(service):
                await asyncio.sleep(HEALTH_IS_FRESH_FOR_S)
                await refused_in_time(user.run(person_id))
                await refused_in_time(user.add(site.url))
            await fault_probe.works()
        with fault_up.frozen(CONTEXT):
            await asyncio.sleep(HEALTH_IS_FRESH_FOR_S)
            await refused_in_time(user.regenerate(website=site.url, freeformContext="refused"))
        await fault_probe.works()


@pytest.mark.parametrize(
    ("service", "path"),
    [
        (CONTEXT, "/api/context"),
        (RESEARCH, PEOPLE),
        (CREDITS, "/api/credits/balance"),
    ],
)
async def test_hanging_service_is_not_waited_for(
    fault_up: Up, fault_admin: Admin, service: str, path: str
) -> None:
    user = await fault_admin.user()
    with fault_up.frozen(service):
        await refused_in_time(user.http.get(path))


async def test_hanging_service_is_not_told_to_delete(fault_up: Up, fault_admin: Admin) -> None:
    user = await fault_admin.user()
    with fault_up.frozen(RESEARCH):
        await asyncio.sleep(HEALTH_IS_FRESH_FOR_S)
        await refused_in_time(user.http.delete(f"{PEOPLE}/{NOBODY}"))


async def test_dead_services(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, site: Site
) -> None:
    user = await fault_admin.user(credit=1)
    async with nothing_changes(user):
        with fault_up.dead(CONTEXT, RESEARCH, CREDITS):
            for path in ("/api/context", PEOPLE, "/api/credits/balance"):
                await refused_in_time(user.http.get(path))
            await asyncio.sleep(HEALTH_IS_FRESH_FOR_S)
            await refused_in_time(user.regenerate(website=site.url))
            await refused_in_time(user.add(site.url))
        await fault_probe.works()


async def test_credits_hang_after_the_command_was_sent(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    """Research waits for the hold, gives up, and takes back what credits do when they wake up."""
    user = await fault_admin.user(credit=1)
    [person_id] = await fault_databases.idle_people(user.id, 1, site.url)
    async with nothing_changes(user):
        problem(await user.run(NOBODY), 404, "not-found")  # the gateway has just seen them work
        with fault_up.frozen(CREDITS):
            problem(await user.run(person_id), 503, "unavailable")
            assert (await user.person(person_id))["status"] == "idle"
        await fault_probe.works()
        await rules_hold(fault_databases)
    answer = await user.run(person_id)
    assert answer.status_code == 200, answer.text
    await user.settled(answer.json()["runId"])


async def test_unknown_outcome_is_told_and_can_be_looked_up(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    user = await fault_admin.user(credit=3)
    people = await fault_databases.idle_people(user.id, 3, site.url)
    for person_id in people:
        problem(await user.run(NOBODY), 404, "not-found")  # the gateway has just seen it work
        with fault_up.frozen(RESEARCH):
            answer = await user.run(person_id)
        await fault_probe.works()
        if answer.status_code == 503:  # it was not fast enough: nothing was sent
            problem(answer, 503, "unavailable")
            assert (await user.person(person_id))["status"] == "idle"
            continue
        body = problem(answer, 504, "outcome-unknown")
        assert body["runId"] in body["detail"]
        assert await _in_the_end(user, body["runId"]) in (
            None,
            "complete",
            "rolled_back",
            "rejected",
        )
        break
    else:
        raise AssertionError("research was never caught after the command was sent")
    await rules_hold(fault_databases)


async def test_killed_postgres(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    user = await fault_admin.user(credit=2)
    site.hold()
    person_id, run_id = await user.added(site.url)
    regeneration = (await user.regenerate(website=site.url, freeformContext="kept")).json()["runId"]
    await reading(site)
    fault_up.kill(POSTGRES)
    answer = await user.http.get("/api/credits/balance")
    assert answer.status_code in (200, 503), answer.text
    site.let_go()
    await fault_probe.works()
    assert (await user.settled(run_id, RECOVERS_S))["status"] == "complete"
    assert (await user.regenerated(regeneration, RECOVERS_S))["status"] == "complete"
    assert (await user.person(person_id))["status"] == "complete"
    assert (await user.get("/api/context"))["context"]["extra"] == {"freeform": "kept"}
    assert await user.ledger(run_id) == [("charge", -1)]
    await rules_hold(fault_databases)
    _, run_id = await user.added(site.url)
    assert (await user.settled(run_id))["status"] == "complete"


async def _both_work(user: User, run_id: str, regeneration: str) -> None:
    async def look() -> bool:
        runs = [await user.research_run(run_id), await user.context_run(regeneration)]
        return all(run["status"] == "working" for run in runs)

    await eventually("both workers have begun", look)


async def _in_the_end(user: User, run_id: str) -> str | None:
    """What a run comes to whose outcome was unknown to the caller; None: there never was one."""
    answer = await user.http.get(f"/api/deep-research/runs/{run_id}")
    if answer.status_code == 404:
        problem(answer, 404, "not-found")
        return None
    assert answer.status_code == 200, answer.text
    return str((await user.settled(run_id, RECOVERS_S))["status"])
