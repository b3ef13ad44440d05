"""The run saga, row by row of its table."""

from datetime import timedelta

from libs.contracts.gateway import Outcome
from libs.contracts.research import NewPerson
from libs.contracts.topics import CREDITS_COMMANDS, RESEARCH_TASKS
from tests.saga.invariants import everything_ended_and_settled
from tests.saga.people import (
    USER,
    add_person,
    claim,
    findings,
    idle_person,
    report,
)
from tests.saga.world import SETTINGS, World


async def test_an_accepted_run_is_charged_and_completes(world: World) -> None:
    await world.grant(USER, 2)
    person_id, run_id = await add_person(world)
    assert await world.balance(USER) == (1, 0)
    assert (await world.run(run_id))["state"] == "queued"

    token = await claim(world, run_id)
    await report(world, *findings(run_id, token))

    run, person = await world.run(run_id), await world.person(person_id)
    assert (run["state"], run["settlement"], run["report_version"]) == ("complete", "charged", 1)
    assert person is not None and person["status"] == "complete"
    assert await world.charges(USER) == ["charge"]
    await world.settle()
    await everything_ended_and_settled(world)


async def test_a_decline_leaves_everything_as_it_was(world: World) -> None:
    await world.grant(USER, 1)
    person_id = await idle_person(world)
    await world.ask(world.run_request(USER, f"person-{world.ids()}", new=NewPerson(first_name="X")))
    before = await world.person(person_id)

    reply = await world.ask(world.run_request(USER, person_id))

    assert reply.outcome is Outcome.PAYMENT_REQUIRED
    assert (reply.balance, reply.required) == (0, 1)
    after = await world.person(person_id)
    assert before is not None and after is not None
    assert after["status"] == before["status"] == "failed"


async def test_a_declined_newcomer_goes_again(world: World) -> None:
    person_id = f"person-{world.ids()}"
    reply = await world.ask(world.run_request(USER, person_id, new=NewPerson(first_name="X")))
    assert reply.outcome is Outcome.PAYMENT_REQUIRED
    assert await world.person(person_id) is None


async def test_unknown_and_foreign_people_are_not_found(world: World) -> None:
    await world.grant(USER, 5)
    await world.grant("usr_eve", 5)
    person_id = await idle_person(world)
    unknown = await world.ask(world.run_request(USER, "person-nobody"))
    foreign = await world.ask(world.run_request("usr_eve", person_id))
    assert unknown.outcome is foreign.outcome is Outcome.NOT_FOUND
    assert await world.balance("usr_eve") == (5, 0)


async def test_of_fifty_runs_on_one_person_one_wins(world: World) -> None:
    await world.grant(USER, 60)
    person_id = await idle_person(world)
    sent = [await world.send(world.run_request(USER, person_id)) for _ in range(50)]
    await world.run_until_quiet()
    outcomes = [world.reply(correlation) for correlation in sent]
    winners = [reply for reply in outcomes if reply.outcome is Outcome.ACCEPTED]
    losers = [reply for reply in outcomes if reply.outcome is Outcome.ALREADY_RUNNING]
    assert (len(winners), len(losers)) == (1, 49)
    assert {reply.current_run_id for reply in losers} == {winners[0].run_id}
    assert await world.charges(USER) == ["charge", "refund", "charge"]


async def test_the_last_credit_is_spent_once(world: World) -> None:
    await world.grant(USER, 1)
    people = [f"person-{world.ids()}" for _ in range(50)]
    sent = [
        await world.send(world.run_request(USER, person_id, new=NewPerson(first_name="X")))
        for person_id in people
    ]
    await world.run_until_quiet()
    outcomes = [world.reply(correlation).outcome for correlation in sent]
    assert outcomes.count(Outcome.ACCEPTED) == 1
    assert outcomes.count(Outcome.PAYMENT_REQUIRED) == 49
    assert await world.balance(USER) == (0, 0)


async def test_a_complete_person_runs_again_only_for_a_refresh(world: World) -> None:
    await world.grant(USER, 3)
    person_id, run_id = await add_person(world)
    await report(world, *findings(run_id, await claim(world, run_id)))

    again = await world.ask(world.run_request(USER, person_id))
    assert again.outcome is Outcome.ALREADY_COMPLETE

    refresh = world.run_request(USER, person_id, refresh=True)
    assert (await world.ask(refresh)).outcome is Outcome.ACCEPTED
    token = await claim(world, refresh.run_id)
    await report(world, *findings(refresh.run_id, token, "Example makes bolts."))
    reports = await world.rows("research", "SELECT * FROM reports ORDER BY version")
    assert [r["version"] for r in reports] == [1, 2]
    assert reports[0]["change_summary"] is None
    assert "1 new: Example makes bolts." in reports[1]["change_summary"]


async def test_a_refused_task_undoes_the_run(world: World) -> None:
    await world.grant(USER, 2)
    person_id = await idle_person(world)
    world.bus.refuse.add(RESEARCH_TASKS.name)

    reply = await world.ask(world.run_request(USER, person_id))

    assert reply.outcome is Outcome.UNAVAILABLE
    person = await world.person(person_id)
    assert person is not None and person["status"] == "idle"
    run = await world.run(reply.run_id)
    assert (run["state"], run["settlement"]) == ("rolled_back", "voided")
    assert await world.balance(USER) == (2, 0)


async def test_a_refused_refresh_leaves_the_person_complete(world: World) -> None:
    await world.grant(USER, 2)
    person_id, run_id = await add_person(world)
    await report(world, *findings(run_id, await claim(world, run_id)))
    world.bus.refuse.add(RESEARCH_TASKS.name)
    reply = await world.ask(world.run_request(USER, person_id, refresh=True))
    assert reply.outcome is Outcome.UNAVAILABLE
    person = await world.person(person_id)
    assert person is not None and person["status"] == "complete"


async def test_a_refresh_of_somebody_without_a_report_goes_back_to_idle(world: World) -> None:
    await world.grant(USER, 2)
    person_id = await idle_person(world)
    world.bus.refuse.add(RESEARCH_TASKS.name)
    reply = await world.ask(world.run_request(USER, person_id, refresh=True))
    assert reply.outcome is Outcome.UNAVAILABLE
    person = await world.person(person_id)
    assert person is not None and person["status"] == "idle"


async def test_the_answer_to_a_new_person_shows_them(world: World) -> None:
    await world.grant(USER, 1)
    new = NewPerson(linkedin_url="https://uk.linkedin.com/in/Jane-Doe/", company="Example")
    reply = await world.ask(world.run_request(USER, "person-1", new=new))
    assert reply.person is not None
    assert (reply.person["id"], reply.person["status"]) == ("person-1", "running")
    assert reply.person["linkedin_url"] == "https://www.linkedin.com/in/jane-doe"


async def test_a_profile_that_is_there_is_not_added_again(world: World) -> None:
    await world.grant(USER, 5)
    new = NewPerson(linkedin_url="https://www.linkedin.com/in/jane")
    sent = [await world.send(world.run_request(USER, f"p{i}", new=new)) for i in range(5)]
    await world.run_until_quiet()
    outcomes = [world.reply(correlation).outcome for correlation in sent]
    assert outcomes.count(Outcome.ACCEPTED) == 1
    assert outcomes.count(Outcome.PERSON_EXISTS) == 4
    assert await world.balance(USER) == (4, 0)


async def test_a_task_that_was_written_after_all_does_not_revive_its_run(world: World) -> None:
    await world.grant(USER, 2)
    person_id = await idle_person(world)
    world.bus.mute.add(RESEARCH_TASKS.name)
    reply = await world.ask(world.run_request(USER, person_id))
    assert reply.outcome is Outcome.UNAVAILABLE
    async with world.research_units.begin() as unit:
        assert await world.research.owner.claim(unit, reply.run_id, "worker-1") is None


async def test_a_hold_that_is_not_answered_is_given_up(world: World) -> None:
    await world.grant(USER, 2)
    person_id = await idle_person(world)
    world.bus.refuse.add(CREDITS_COMMANDS.name)
    request = world.run_request(USER, person_id)
    correlation = await world.send(request)
    await world.run_until_quiet()
    await world.advance(SETTINGS.hold_s + 1)
    assert world.reply(correlation).outcome is Outcome.UNAVAILABLE
    person = await world.person(person_id)
    assert person is not None and person["status"] == "failed"

    world.bus.refuse.clear()
    await world.settle()
    assert (await world.run(request.run_id))["settlement"] == "voided"
    assert await world.balance(USER) == (2, 0)
    await everything_ended_and_settled(world)


async def test_a_hold_that_comes_after_its_return_holds_nothing(world: World) -> None:
    """The return overtakes the hold: the tombstone that it leaves keeps the hold out."""
    await world.grant(USER, 1)
    correlation = await world.send(
        world.run_request(USER, "person-1", new=NewPerson(first_name="X"))
    )
    for service in (world.research, world.credits):
        await service.relay.drain()
    research = next(s for s in world.bus.subscriptions if s.name == "research")
    await research.on_batch(list(research.waiting))
    research.waiting.clear()
    await world.research.relay.drain()
    commands = next(s for s in world.bus.subscriptions if s.name == "credits").waiting
    held_back = list(commands)
    commands.clear()
    await world.advance(SETTINGS.hold_s + 1)
    commands.extend(held_back)
    await world.run_until_quiet()
    assert world.reply(correlation).outcome is Outcome.UNAVAILABLE
    assert await world.balance(USER) == (1, 0)


async def test_an_expired_command_does_nothing(world: World) -> None:
    await world.grant(USER, 1)
    request = world.run_request(USER, "person-1", new=NewPerson(first_name="X"))
    await world.send(request)
    world.now += timedelta(seconds=6)
    await world.run_until_quiet()
    assert await world.person("person-1") is None
    assert not world.replies


async def test_a_repeat_is_answered_with_the_recorded_outcome(world: World) -> None:
    await world.grant(USER, 5)
    request = world.run_request(USER, "person-1", new=NewPerson(first_name="X"))
    assert (await world.ask(request)).outcome is Outcome.ACCEPTED
    repeat = await world.send(request)
    await world.run_until_quiet()
    assert world.reply(repeat).outcome is Outcome.ACCEPTED
    assert await world.balance(USER) == (4, 0)

    other = world.run_request(USER, "person-2", run_id=request.run_id)
    assert (await world.ask(other)).outcome is Outcome.CONFLICT
