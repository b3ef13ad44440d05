"""The sagas under duplicates, reordering, loss, and a crash at each named point."""

import pytest

from libs.contracts.research import NewPerson
from libs.messaging.testing import ControlledBus
from tests.saga.crashes import CRASH_POINTS, CrashPlan
from tests.saga.invariants import check_all, everything_ended_and_settled
from tests.saga.people import USER, claim, claim_context, context_findings, findings, report
from tests.saga.world import World

QUOTE = "Example makes bolts."


async def one_of_each(world: World) -> None:
    """A research run and a regeneration from request to result, worked on by whoever can claim."""
    world.crash, plan = None, world.crash
    await world.grant(USER, 3)
    world.crash = plan
    research = world.run_request(USER, "person-1", new=NewPerson(first_name="Jane"))
    context = world.regenerate_request(USER, freeform_context="words")
    await world.send(research)
    await world.send(context)
    await world.run_until_quiet()
    for _ in range(4):
        await world.advance(5)
        for run_id, work in ((research.run_id, _research), (context.run_id, _context)):
            await work(world, run_id)
        await check_all(world)
    await world.settle()


async def _research(world: World, run_id: str) -> None:
    rows = await world.rows("research", "SELECT state FROM runs WHERE id = :id", id=run_id)
    if rows and rows[0]["state"] == "queued":
        world.crash, plan = None, world.crash
        token = await claim(world, run_id)
        world.crash = plan
        await report(world, *findings(run_id, token))


async def _context(world: World, run_id: str) -> None:
    rows = await world.rows("context", "SELECT state FROM runs WHERE id = :id", id=run_id)
    if rows and rows[0]["state"] == "queued":
        world.crash, plan = None, world.crash
        token = await claim_context(world, run_id)
        world.crash = plan
        await report(world, *context_findings(run_id, token, QUOTE))


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("service", ["research", "credits", "context"])
async def test_a_crash_anywhere_leaves_nothing_wrong(
    world: World, service: str, point: str, nth: int
) -> None:
    world.crash = CrashPlan(service, point, nth)
    await one_of_each(world)
    await everything_ended_and_settled(world)
    states = [run["state"] for run in await world.rows("research", "SELECT state FROM runs")]
    assert set(states) <= {"complete", "rolled_back"}
    if nth == 1:
        assert world.crash.happened, "the crash point was never passed"


@pytest.mark.parametrize("seed", range(12))
async def test_duplicates_and_reordering_change_nothing(world: World, seed: int) -> None:
    world.bus = ControlledBus(seed)
    world.bus.duplicates = 0.5
    world.bus.shuffles = True
    world.build()
    await one_of_each(world)
    await everything_ended_and_settled(world)
    [run] = await world.rows("research", "SELECT * FROM runs")
    assert run["state"] == "complete"
    assert await world.charges(USER) == ["charge"]


@pytest.mark.parametrize("seed", range(12))
async def test_lost_messages_are_asked_for_again(world: World, seed: int) -> None:
    world.bus = ControlledBus(seed)
    world.bus.lose = lambda _message: world.bus.random.random() < 0.3
    world.build()
    await one_of_each(world)
    world.bus.lose = lambda _message: False
    for _ in range(6):
        await world.settle(20)
        for run in await world.rows("research", "SELECT id FROM runs"):
            await _research(world, run["id"])
        for run in await world.rows("context", "SELECT id FROM runs"):
            await _context(world, run["id"])
    await world.settle()
    await everything_ended_and_settled(world)


async def test_a_broker_that_forgets_everything_costs_no_run(world: World) -> None:
    await world.grant(USER, 1)
    request = world.run_request(USER, "person-1", new=NewPerson(first_name="Jane"))
    await world.send(request)
    for _ in range(3):
        for service in (world.research, world.credits):
            await service.relay.drain()
        await world.bus.deliver(most=1)
        world.bus.forget_everything()
    await world.settle()
    await _research(world, request.run_id)
    await world.settle()
    await everything_ended_and_settled(world)
