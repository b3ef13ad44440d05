"""The broker hangs or dies. What was accepted ends; what was refused left nothing behind."""

import asyncio

from tests.e2e.api import Admin, problem
from tests.e2e.database import Databases
from tests.e2e.faults import all_refused_in_time, nothing_changes, reading, rules_hold
from tests.e2e.probe import RECOVERS_S, Probe
from tests.e2e.site import Site
from tests.e2e.stack import BROKER, Up


async def test_hanging_broker(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    user = await fault_admin.user(credit=1)
    [person_id] = await fault_databases.idle_people(user.id, 1, site.url)
    async with nothing_changes(user):
        with fault_up.frozen(BROKER):
            await all_refused_in_time(user, person_id, site)
        await fault_probe.works()
    # Nor does the broker carry out later what it got while it hung.
    answer = await user.run(person_id)
    assert answer.status_code == 200, answer.text
    assert (await user.settled(answer.json()["runId"]))["status"] == "complete"
    regeneration = await user.regenerate(website=site.url)
    assert regeneration.status_code == 200, regeneration.text
    await user.regenerated(regeneration.json()["runId"])
    assert await user.ledger() == [("grant", 1), ("charge", -1)]
    assert (await user.get("/api/context"))["context"]["extra"] is None


async def test_killed_broker_loses_no_accepted_run(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    user = await fault_admin.user(credit=40)
    working = await fault_databases.idle_people(user.id, 3, site.url)
    asking = await fault_databases.idle_people(user.id, 12, site.url)
    site.hold()
    accepted = [answer.json()["runId"] for answer in await user.runs_at_once(working)]
    regeneration = (await user.regenerate(website=site.url)).json()["runId"]
    await reading(site)

    calls = [asyncio.create_task(user.run(person_id)) for person_id in asking]
    await asyncio.sleep(0.02)  # so that the kill finds some before, some in and some after Kafka
    fault_up.kill(BROKER)
    answers = await asyncio.gather(*calls)
    site.let_go()
    refused = []
    for person_id, answer in zip(asking, answers, strict=True):
        if answer.status_code == 200:
            accepted.append(answer.json()["runId"])
        else:
            problem(answer, 503, "unavailable")
            refused.append(person_id)

    await fault_probe.works()
    for run_id in accepted:
        assert (await user.settled(run_id, RECOVERS_S))["status"] == "complete"
    assert (await user.regenerated(regeneration, RECOVERS_S))["status"] == "complete"
    for person_id in refused:
        assert (await user.person(person_id))["status"] == "idle"
    await rules_hold(fault_databases)
    charged = [kind for kind, _ in await user.ledger() if kind == "charge"]
    assert len(charged) == len(accepted)


async def test_dead_broker(
    fault_up: Up, fault_probe: Probe, fault_admin: Admin, fault_databases: Databases, site: Site
) -> None:
    user = await fault_admin.user(credit=1)
    [person_id] = await fault_databases.idle_people(user.id, 1, site.url)
    async with nothing_changes(user):
        with fault_up.dead(BROKER):
            await all_refused_in_time(user, person_id, site)
        await fault_probe.works()
    answer = await user.run(person_id)
    assert answer.status_code == 200, answer.text
    assert (await user.settled(answer.json()["runId"]))["status"] == "complete"
