"""What a run costs when it does not end well, and who wins when many ask at once."""

import asyncio

from tests.e2e.api import PEOPLE, Admin, problem
from tests.e2e.database import Databases
from tests.e2e.faults import rules_hold
from tests.e2e.site import Site
from tests.e2e.wait import eventually

CALLS = 50


async def test_failed_run_is_given_back(admin: Admin, dead_site: str) -> None:
    user = await admin.user(credit=1)
    person_id, run_id = await user.added(dead_site)
    run = await user.settled(run_id)
    assert run["status"] == "failed"
    assert run["error"]["code"] == "nothing_read"
    assert run["credits"]["settlement"] in ("refunded", "voided")
    assert run["credits"]["charged"] == run["credits"]["returned"]
    assert (await user.person(person_id))["status"] == "failed"
    assert await user.report(person_id) is None
    assert await user.balance() == {"balance": 1, "held": 0}
    assert sum(amount for _, amount in await user.ledger(run_id)) == 0


async def test_failed_person_may_run_again(admin: Admin, site: Site) -> None:
    user = await admin.user(credit=1)
    site.closed = True
    person_id, run_id = await user.added(site.url)
    assert (await user.settled(run_id))["status"] == "failed"
    site.closed = False
    answer = await user.run(person_id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    run = await user.settled(answer.json()["runId"])
    assert (run["status"], run["credits"]["settlement"]) == ("complete", "charged")
    assert (await user.person(person_id))["status"] == "complete"
    assert await user.balance() == {"balance": 0, "held": 0}


async def test_credit_is_held_or_charged_while_a_run_works(admin: Admin, site: Site) -> None:
    user = await admin.user(credit=2)
    site.hold()
    _, run_id = await user.added(site.url)
    assert (await user.balance())["balance"] == 1

    async def charged() -> bool:
        return await user.balance() == {"balance": 1, "held": 0}

    await eventually("the hold becomes a charge", charged)
    site.let_go()
    await user.settled(run_id)
    assert await user.ledger(run_id) == [("charge", -1)]


async def test_no_credit_leaves_the_person_as_it_was(
    admin: Admin, databases: Databases, site: Site
) -> None:
    user = await admin.user()
    [person_id] = await databases.idle_people(user.id, 1, site.url)
    body = problem(await user.run(person_id), 402, "payment-required")
    assert (body["balance"], body["required"]) == (0, 1)
    assert (await user.person(person_id))["status"] == "idle"
    assert await user.ledger() == []

    body = problem(await user.add(site.url), 402, "payment-required")
    assert (body["balance"], body["required"]) == (0, 1)
    assert [p["id"] for p in (await user.get(PEOPLE))["people"]] == [person_id]


async def test_of_fifty_calls_on_one_person_one_wins(
    admin: Admin, databases: Databases, site: Site
) -> None:
    user = await admin.user(credit=CALLS)
    [person_id] = await databases.idle_people(user.id, 1, site.url)
    site.hold()
    answers = await user.runs_at_once([person_id] * CALLS)
    [won] = [answer for answer in answers if answer.status_code == 200]
    run_id = won.json()["runId"]
    for lost in answers:
        if lost is not won:
            assert problem(lost, 409, "already-running")["currentRunId"] == run_id
    site.let_go()
    assert (await user.settled(run_id))["status"] == "complete"
    assert await user.ledger() == [("grant", CALLS), ("charge", -1)]
    assert await user.balance() == {"balance": CALLS - 1, "held": 0}


async def test_one_credit_pays_for_one_of_fifty_people(
    admin: Admin, databases: Databases, site: Site
) -> None:
    user = await admin.user(credit=1)
    people = await databases.idle_people(user.id, CALLS, site.url)
    site.hold()
    answers = await user.runs_at_once(people)
    [won] = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    for n, answer in enumerate(answers):
        if n != won:
            body = problem(answer, 402, "payment-required")
            assert (body["balance"], body["required"]) == (0, 1)
    assert (await user.balance())["balance"] == 0
    listed = {p["id"]: p["status"] for p in (await user.get(f"{PEOPLE}?limit=200"))["people"]}
    assert listed == {id_: "running" if id_ == people[won] else "idle" for id_ in people}
    site.let_go()
    await user.settled(answers[won].json()["runId"])
    assert await user.ledger() == [("grant", 1), ("charge", -1)]


async def test_fifty_new_people_for_one_credit_leave_one(admin: Admin, site: Site) -> None:
    user = await admin.user(credit=1)
    site.hold()
    answers = await asyncio.gather(*(user.add(site.url) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [402] * 19
    [won] = [answer.json() for answer in answers if answer.status_code == 201]
    assert [p["id"] for p in (await user.get(PEOPLE))["people"]] == [won["person"]["id"]]
    site.let_go()
    await user.settled(won["runId"])


async def test_deleting_a_person_takes_everything_with_it(admin: Admin, site: Site) -> None:
    user = await admin.user(credit=1)
    person_id, run_id = await user.added(site.url)
    await user.settled(run_id)
    assert await user.report(person_id)

    answer = await user.http.delete(f"{PEOPLE}/{person_id}")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    problem(await user.http.delete(f"{PEOPLE}/{person_id}"), 404, "not-found")
    for path in ("", "/report", "/reports", "/reports/1"):
        problem(await user.http.get(f"{PEOPLE}/{person_id}{path}"), 404, "not-found")
    problem(await user.run(person_id), 404, "not-found")
    assert (await user.get(PEOPLE))["people"] == []
    run = await user.research_run(run_id)
    assert run["status"] == "complete"
    assert run["sources"] == []
    assert await user.ledger(run_id) == [("charge", -1)]  # a completed run is not refunded


async def test_deleting_a_person_cancels_a_run_under_way(admin: Admin, site: Site) -> None:
    user = await admin.user(credit=1)
    site.hold()
    person_id, run_id = await user.added(site.url)

    async def working() -> bool:
        return bool((await user.research_run(run_id))["status"] == "working")

    await eventually("the run is under way", working)
    answer = await user.http.delete(f"{PEOPLE}/{person_id}")
    assert answer.status_code == 200, answer.text
    run = await user.settled(run_id)
    assert run["status"] == "cancelled"
    assert run["credits"]["settlement"] in ("voided", "refunded")
    assert await user.balance() == {"balance": 1, "held": 0}
    problem(await user.http.get(f"{PEOPLE}/{person_id}"), 404, "not-found")
    site.let_go()


async def test_nothing_is_left_behind(admin: Admin, databases: Databases) -> None:
    """Whatever the tests before this one did: the rules hold as soon as all runs have ended."""
    await rules_hold(databases)
