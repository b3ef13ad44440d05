"""The regeneration saga: one slot a window, and everything undone that did not happen."""

from datetime import timedelta

from libs.contracts.context import ContextWorkFailed
from libs.contracts.gateway import Outcome
from libs.contracts.topics import CONTEXT_TASKS
from tests.saga.people import USER, claim_context, context_findings, report
from tests.saga.world import WINDOW, World

QUOTE = "Example makes bolts."


async def test_a_regeneration_writes_the_context(world: World) -> None:
    request = world.regenerate_request(USER, freeform_context="We sell to shipyards.")
    reply = await world.ask(request)
    assert reply.outcome is Outcome.ACCEPTED
    profile = await world.profile(USER)
    assert profile is not None
    assert profile["extra_context"] == {"freeform": "We sell to shipyards."}
    assert profile["last_context_regenerated_at"] == reply.regenerated_at
    assert reply.regenerated_at is not None and reply.regenerated_at.microsecond == 123000

    token = await claim_context(world, request.run_id)
    await report(world, *context_findings(request.run_id, token, QUOTE))

    profile = await world.profile(USER)
    assert profile is not None
    assert profile["company_context"]["overview"] == QUOTE
    assert profile["evidence"]["company.overview"][0]["quote"] == QUOTE
    assert (await world.run(request.run_id, "context"))["state"] == "complete"


async def test_the_second_call_inside_the_window_changes_nothing(world: World) -> None:
    first = await world.ask(world.regenerate_request(USER, freeform_context="first"))
    before = await world.profile(USER)
    world.now += timedelta(hours=23)
    second = await world.ask(world.regenerate_request(USER, freeform_context="second"))
    assert second.outcome is Outcome.WINDOW_CLOSED
    assert first.regenerated_at is not None
    assert second.next_available_at == first.regenerated_at + WINDOW
    assert await world.profile(USER) == before


async def test_the_window_opens_again(world: World) -> None:
    await world.ask(world.regenerate_request(USER))
    world.now += WINDOW
    assert (await world.ask(world.regenerate_request(USER))).outcome is Outcome.ACCEPTED


async def test_of_many_calls_at_once_one_gets_the_slot(world: World) -> None:
    sent = [await world.send(world.regenerate_request(USER)) for _ in range(20)]
    await world.run_until_quiet()
    outcomes = [world.reply(correlation).outcome for correlation in sent]
    assert outcomes.count(Outcome.ACCEPTED) == 1
    assert outcomes.count(Outcome.WINDOW_CLOSED) == 19


async def test_a_refused_task_gives_back_stamp_and_free_text(world: World) -> None:
    await world.ask(world.regenerate_request(USER, freeform_context="old words"))
    world.now += WINDOW + timedelta(hours=1)
    before = await world.profile(USER)
    world.bus.refuse.add(CONTEXT_TASKS.name)
    reply = await world.ask(world.regenerate_request(USER, freeform_context="new words"))
    assert reply.outcome is Outcome.UNAVAILABLE
    after = await world.profile(USER)
    assert before is not None and after is not None
    assert after["extra_context"] == {"freeform": "old words"}
    assert after["last_context_regenerated_at"] == before["last_context_regenerated_at"]


async def test_a_refused_first_task_leaves_no_profile(world: World) -> None:
    world.bus.refuse.add(CONTEXT_TASKS.name)
    await world.ask(world.regenerate_request(USER, freeform_context="words"))
    assert await world.profile(USER) is None


async def test_a_run_that_read_nothing_gives_the_slot_back_and_keeps_the_words(
    world: World,
) -> None:
    request = world.regenerate_request(USER, freeform_context="words")
    await world.ask(request)
    token = await claim_context(world, request.run_id)
    failed = ContextWorkFailed(
        run_id=request.run_id, token=token, code="nothing_read", message="No page."
    )
    await report(world, failed)
    profile = await world.profile(USER)
    assert profile is not None
    assert profile["extra_context"] == {"freeform": "words"}
    assert profile["last_context_regenerated_at"] is None
    assert (await world.ask(world.regenerate_request(USER))).outcome is Outcome.ACCEPTED


async def test_a_field_without_evidence_keeps_its_old_text(world: World) -> None:
    request = world.regenerate_request(USER)
    await world.ask(request)
    token = await claim_context(world, request.run_id)
    await report(world, *context_findings(request.run_id, token, QUOTE))
    world.now += WINDOW
    again = world.regenerate_request(USER)
    await world.ask(again)
    token = await claim_context(world, again.run_id)
    await report(world, *context_findings(again.run_id, token, "Example makes ships."))
    profile = await world.profile(USER)
    assert profile is not None and profile["company_context"]["overview"] == QUOTE
    assert (await world.run(again.run_id, "context"))["error_code"] == "no_evidence"
