"""What the router does with a batch: groups, repeats, dead letters."""

from dataclasses import replace
from typing import Any

import pytest

from libs.contracts.envelope import ReplyAddress
from libs.messaging import retries
from libs.messaging.bus import Ack
from libs.messaging.router import Received
from tests.support.memory import TRACE, arriving
from tests.unit.messaging.desk import Desk, held, voided


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.0)


async def test_one_type_is_handled_in_one_unit() -> None:
    desk = Desk()
    await desk.take(*(arriving(held(account, account)) for account in "abc"))
    assert desk.calls == [("held", ["a", "b", "c"])]
    assert desk.units.opened == 1


async def test_messages_of_other_keys_are_gathered_across_types() -> None:
    desk = Desk()
    await desk.take(
        arriving(held("a", "1")),
        arriving(voided("b", "2")),
        arriving(held("c", "3")),
        arriving(voided("d", "4")),
    )
    assert desk.calls == [("held", ["1", "3"]), ("voided", ["2", "4"])]


async def test_the_order_of_a_key_is_kept_across_types() -> None:
    desk = Desk()
    await desk.take(
        arriving(held("a", "1")),
        arriving(voided("a", "2")),
        arriving(held("a", "3")),
        arriving(held("b", "4")),
    )
    order = [run for _, runs in desk.calls for run in runs]
    assert [run for run in order if run != "4"] == ["1", "2", "3"]
    assert desk.calls[0] == ("held", ["1", "4"])


async def test_keys_of_two_topics_are_not_mixed_up() -> None:
    desk = Desk()
    elsewhere = replace(arriving(held("a", "2")), topic="other.topic.v1")
    await desk.take(arriving(voided("a", "1")), elsewhere, arriving(voided("a", "3")))
    assert desk.calls == [("voided", ["1", "3"]), ("held", ["2"])]


async def test_a_repeat_is_withheld() -> None:
    desk = Desk()
    message = arriving(held("a"), id_="same")
    await desk.take(message)
    await desk.take(message)
    await desk.take(message, message)
    assert desk.calls == [("held", ["r"])]


async def test_a_repeat_in_the_same_batch_is_withheld() -> None:
    desk = Desk()
    message = arriving(held("a"), id_="same")
    await desk.take(message, arriving(held("b", "other")), message)
    assert desk.calls == [("held", ["r", "other"])]


async def test_a_repeat_reaches_a_handler_that_is_once_by_key() -> None:
    desk = Desk(once_by_key=True)
    message = arriving(held("a"), id_="same")
    await desk.take(message, message)
    await desk.take(message)
    assert desk.calls == [("held", ["r", "r"]), ("held", ["r"])]


async def test_a_handler_gets_the_envelope() -> None:
    desk = Desk()
    seen: list[Received[Any]] = []
    desk.fails = lambda group: seen.extend(group)
    address = ReplyAddress(partition=3, correlation_id="c")
    await desk.take(arriving(held("a"), id_="x", reply_to=address))
    assert [(r.meta.id, r.meta.reply_to, r.meta.traceparent) for r in seen] == [
        ("x", address, TRACE)
    ]


async def test_what_a_handler_emits_is_committed_with_its_inbox_row() -> None:
    desk = Desk()
    await desk.take(arriving(held("a"), id_="x"))
    assert set(desk.units.inbox) == {"x"}
    assert [row.type for row in desk.units.outbox.values()] == ["CreditHeld"]
    assert len(desk.units.outlet) == 1


async def test_types_without_a_route_are_ignored() -> None:
    desk = Desk()
    newer = arriving(held("a"))
    newer = replace(newer, headers={**newer.headers, "ce_type": "InventedLater"}, value=b"\xff")
    await desk.take(newer, arriving(held("b")))
    assert desk.calls == [("held", ["r"])]
    assert desk.bus.published == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": b"{"}, "CreditHeld does not match its schema at: body"),
        ({"value": b'{"run_id": "r"}'}, "account_id"),
        ({"headers": {}}, "unreadable envelope: header 'ce_id' is missing"),
    ],
)
async def test_poison_goes_to_the_dead_letters(change: dict[str, Any], reason: str) -> None:
    desk = Desk()
    bad = replace(arriving(held("a"), offset=7), **change)
    await desk.take(bad, arriving(held("b", "good")))
    [letter] = desk.bus.published
    assert letter.topic == "credits.events.v1.dead"
    assert (letter.key, letter.value) == (bad.key, bad.value)
    assert reason in letter.headers["dead_reason"]
    assert letter.headers["dead_origin"] == "credits.events.v1/0/7"
    assert bad.headers.items() <= letter.headers.items()
    assert desk.calls == [("held", ["good"])]


async def test_a_malformed_time_in_the_envelope_is_poison() -> None:
    desk = Desk()
    bad = arriving(held("a"))
    await desk.take(replace(bad, headers={**bad.headers, "ce_time": "yesterday"}))
    assert "unreadable envelope" in desk.bus.published[0].headers["dead_reason"]


async def test_dead_letters_wait_for_the_broker() -> None:
    desk = Desk()
    answers = iter([Ack.REFUSED, Ack.UNKNOWN, Ack.ACKNOWLEDGED])
    desk.bus.answer = lambda message: next(answers)
    await desk.take(replace(arriving(held("a")), value=b"{"))
    assert next(answers, None) is None


async def test_a_unit_that_failed_leaves_nothing_behind() -> None:
    desk = Desk()
    desk.fails = lambda group: ValueError("no")
    await desk.take(arriving(held("a"), id_="x"))
    assert desk.units.inbox == {}
    assert desk.units.outbox == {}
    assert len(desk.units.outlet) == 0


async def test_later_messages_of_a_key_wait_for_earlier_ones() -> None:
    desk = Desk()
    remaining = iter([TimeoutError("once"), None, None])
    desk.fails = lambda group: next(remaining)
    await desk.take(arriving(held("a", "1")), arriving(voided("a", "2")))
    assert desk.calls == [("held", ["1"]), ("voided", ["2"])]
