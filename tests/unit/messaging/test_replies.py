"""Replies find those who wait for them."""

import asyncio
from dataclasses import replace

import pytest

from libs.contracts.envelope import ReplyAddress
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import ResearchTask
from libs.messaging.bus import Envelope, Incoming
from libs.messaging.replies import ReplyDesk
from tests.support.memory import START, TRACE, arriving


def reply(correlation_id: str, outcome: Outcome = Outcome.ACCEPTED) -> Incoming:
    address = ReplyAddress(partition=2, correlation_id=correlation_id)
    sent = Envelope(source="/owner", ids=lambda: "id").wrap_reply(
        Reply(run_id="r", outcome=outcome), to=address, now=START, trace=TRACE
    )
    assert sent.partition == 2
    assert not sent.durable
    return Incoming(sent.topic, sent.key, sent.headers, sent.value, partition=2)


async def test_a_reply_resolves_the_future_of_its_correlation_id() -> None:
    desk = ReplyDesk(partition=2)
    with desk.expect("a") as (address, mine), desk.expect("b") as (_, other):
        assert address == ReplyAddress(partition=2, correlation_id="a")
        await desk.handle([reply("a", Outcome.NOT_FOUND)])
        assert (await mine).outcome is Outcome.NOT_FOUND
        assert not other.done()


async def test_replies_nobody_waits_for_are_ignored() -> None:
    desk = ReplyDesk(partition=2)
    with desk.expect("a") as (_, mine):
        await desk.handle([reply("somebody else's"), reply("a")])
        assert mine.done()
    await desk.handle([reply("a")])


async def test_the_first_of_two_replies_counts() -> None:
    desk = ReplyDesk(partition=2)
    with desk.expect("a") as (_, mine):
        await desk.handle([reply("a"), reply("a", Outcome.UNAVAILABLE)])
        await desk.handle([reply("a", Outcome.UNAVAILABLE)])
        assert mine.result().outcome is Outcome.ACCEPTED


async def test_a_caller_that_gave_up_does_not_disturb() -> None:
    desk = ReplyDesk(partition=2)
    with desk.expect("a") as (_, mine):
        mine.cancel()
        await desk.handle([reply("a")])


@pytest.mark.parametrize("change", [{"value": b"{"}, {"headers": {"correlation_id": "a"}}])
async def test_an_unreadable_reply_is_skipped(change: dict[str, object]) -> None:
    desk = ReplyDesk(partition=2)
    with desk.expect("a") as (_, mine):
        await desk.handle([replace(reply("a"), **change)])  # type: ignore[arg-type]
        assert not mine.done()


async def test_another_message_is_no_reply() -> None:
    desk = ReplyDesk(partition=2)
    stray = arriving(
        ResearchTask(run_id="r"), reply_to=ReplyAddress(partition=2, correlation_id="a")
    )
    with desk.expect("a") as (_, mine):
        await desk.handle([stray])
        assert not mine.done()


async def test_the_desk_forgets_who_stopped_waiting() -> None:
    desk = ReplyDesk(partition=2)
    with pytest.raises(TimeoutError), desk.expect("a") as (_, mine):
        await asyncio.wait_for(mine, 0.01)
    with desk.expect("a") as (_, again):
        await desk.handle([reply("a")])
        assert again.done()
