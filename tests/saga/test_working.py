"""What happens after a run was accepted: leases, results, failures, settlement."""

from libs.contracts.gateway import Outcome
from libs.contracts.research import NewPerson
from libs.contracts.topics import CREDITS_EVENTS, RESEARCH_TASKS
from libs.contracts.work import HANDED_BACK
from services.research.saga import CANCELLED
from tests.saga.invariants import everything_ended_and_settled
from tests.saga.people import USER, add_person, claim, failure, findings, report
from tests.saga.world import SETTINGS, World


async def test_a_failed_run_is_not_paid_for(world: World) -> None:
    await world.grant(USER, 1)
    person_id, run_id = await add_person(world)
    await report(world, failure(run_id, await claim(world, run_id)))
    run, person = await world.run(run_id), await world.person(person_id)
    assert (run["state"], run["settlement"]) == ("failed", "refunded")
    assert person is not None and person["status"] == "failed"
    assert await world.balance(USER) == (1, 0)
    assert await world.charges(USER) == ["charge", "refund"]


async def test_claims_without_evidence_do_not_make_a_report(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    token = await claim(world, run_id)
    await report(world, *findings(run_id, token, "Jane Doe won a medal in 1999."))
    run = await world.run(run_id)
    assert (run["state"], run["error_code"]) == ("failed", "no_evidence")
    assert await world.balance(USER) == (1, 0)


async def test_only_the_token_of_the_lease_counts(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    old = await claim(world, run_id)
    await world.advance(SETTINGS.lease_s + 1)
    new = await claim(world, run_id)
    assert old != new

    await report(world, *findings(run_id, old))
    assert (await world.run(run_id))["state"] == "working"
    await report(world, *findings(run_id, new))
    run = await world.run(run_id)
    assert (run["state"], run["attempt"]) == ("complete", 2)


async def test_heartbeats_keep_a_lease(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    token = await claim(world, run_id)
    for _ in range(5):
        await world.advance(SETTINGS.lease_s - 1)
        async with world.research_units.begin() as unit:
            assert await world.research.owner.heartbeat(unit, run_id, token)
    assert (await world.run(run_id))["attempt"] == 1


async def test_out_of_attempts_the_run_fails(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    for _ in range(SETTINGS.attempts):
        await claim(world, run_id)
        await world.advance(SETTINGS.lease_s + 1)
    run = await world.run(run_id)
    assert (run["state"], run["error_code"]) == ("failed", "lease_lost")
    assert await world.balance(USER) == (1, 0)


async def test_a_run_that_is_handed_back_loses_no_attempt(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    for _ in range(SETTINGS.attempts + 1):
        token = await claim(world, run_id)
        handed = failure(run_id, token, retryable=True)
        await report(world, handed.model_copy(update={"code": HANDED_BACK}))
    run = await world.run(run_id)
    assert (run["state"], run["attempt"]) == ("queued", 0)


async def test_waiting_in_the_queue_costs_no_attempt(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    await world.settle()
    run = await world.run(run_id)
    assert (run["state"], run["attempt"]) == ("queued", 0)
    tasks = [m for m in world.bus.published if m.topic == RESEARCH_TASKS.name]
    assert len(tasks) > 1, "the task is sent again until somebody claims it"


async def test_a_report_whose_pages_got_lost_costs_an_attempt_and_no_report(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    token = await claim(world, run_id)
    await report(world, findings(run_id, token)[1])
    run = await world.run(run_id)
    assert (run["state"], run["attempt"]) == ("queued", 1)


async def test_deleting_a_person_cancels_and_returns(world: World) -> None:
    await world.grant(USER, 1)
    person_id, run_id = await add_person(world)
    token = await claim(world, run_id)
    async with world.research_units.begin() as unit:
        await unit.store.lock_people([person_id])
        await world.research.saga.end(unit, CANCELLED, [run_id])
        await unit.store.delete_person(person_id)
    await world.run_until_quiet()
    await report(world, *findings(run_id, token))
    assert await world.person(person_id) is None
    run = await world.run(run_id)
    assert (run["state"], run["settlement"]) == ("cancelled", "refunded")
    assert not await world.rows("research", "SELECT id FROM sources")
    assert await world.balance(USER) == (1, 0)


async def test_a_command_that_was_given_up_on_does_nothing_later(world: World) -> None:
    """The gateway asks for the outcome of a command that has not come: from then on it is void."""
    await world.grant(USER, 1)
    request = world.run_request(USER, "person-1", new=NewPerson(first_name="X"))
    refused = await world.research.work.resolve(request.run_id, USER, "person-1")
    assert refused is not None and refused.outcome is Outcome.UNAVAILABLE
    reply = await world.ask(request)
    assert reply.outcome is Outcome.UNAVAILABLE
    assert await world.person("person-1") is None
    assert await world.balance(USER) == (1, 0)


async def test_settlement_is_asked_for_until_it_is_stored(world: World) -> None:
    await world.grant(USER, 1)
    _, run_id = await add_person(world)
    world.bus.lose = lambda message: message.topic == CREDITS_EVENTS.name
    await report(world, failure(run_id, await claim(world, run_id)))
    assert (await world.run(run_id))["settlement"] == "charged"
    world.bus.lose = lambda _message: False
    await world.settle()
    assert (await world.run(run_id))["settlement"] == "refunded"
    await everything_ended_and_settled(world)
