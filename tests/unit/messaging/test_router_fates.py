"""What becomes of a message that fails: tried again, told from its neighbours, buried."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY

from libs.contracts.research import ResearchTask
from libs.messaging import retries
from libs.messaging.bus import Ack, Incoming, Outgoing
from libs.messaging.errors import Poison
from libs.messaging.letters import DeadLetter, read
from libs.messaging.retries import (
    FIRST_PAUSE_S,
    GROUP_TRIES,
    LONGEST_PAUSE_S,
    PASSING_TRIES,
    TRIES,
    pauses,
)
from libs.messaging.router import Received
from tests.support.memory import START, arriving
from tests.unit.messaging.desk import Desk, held, voided


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.0)


pytestmark = pytest.mark.usefixtures("no_waiting")


class Failing:
    """Fails for the groups that hold one of `runs`, and counts."""

    def __init__(self, error: Exception, *runs: str, times: int = 10**9) -> None:
        self.error = error
        self.runs = set(runs)
        self.times = times
        self.groups: list[list[str]] = []

    def __call__(self, group: Sequence[Received[Any]]) -> Exception | None:
        runs = [r.message.run_id for r in group]
        if not self.runs & set(runs) or len(self.groups) >= self.times:
            return None
        self.groups.append(runs)
        return self.error


async def test_a_bad_message_is_told_from_its_neighbours_in_few_tries() -> None:
    desk = Desk()
    desk.fails = bad = Failing(ValueError("no"), "41")
    await desk.take(*(arriving(held(str(n), str(n))) for n in range(64)))
    handled = [run for _, runs in desk.calls for run in runs]
    assert handled == [str(n) for n in range(64) if n != 41]
    assert [letter.key for letter in desk.bus.published] == ["41"]
    assert len([group for group in bad.groups if len(group) > 1]) == 6  # 64, 32, … 2
    assert len([group for group in bad.groups if len(group) == 1]) == TRIES
    assert len(desk.calls) <= 7


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ValueError("always"), TRIES),
        (AssertionError(), TRIES),
        (RecursionError(), TRIES),
        (Poison("no such thing"), 1),
        (asyncpg.DataError("cannot be stored"), 1),
        (asyncpg.DeadlockDetectedError("each time"), PASSING_TRIES),
        (asyncpg.LockNotAvailableError("each time"), PASSING_TRIES),
        (TimeoutError(), PASSING_TRIES),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_failure_has_a_bound(error: Exception, tries: int) -> None:
    desk = Desk()
    desk.fails = bad = Failing(error, "bad")
    await desk.take(arriving(held("a", "bad")), arriving(voided("a", "good")))
    assert len(bad.groups) == tries
    assert [letter.key for letter in desk.bus.published] == ["a"]
    assert desk.calls == [("voided", ["good"])]


async def test_a_group_is_patient_with_what_passes() -> None:
    desk = Desk()
    desk.fails = Failing(asyncpg.DeadlockDetectedError("once"), "1", times=GROUP_TRIES - 1)
    await desk.take(arriving(held("a", "1")), arriving(held("b", "2")))
    assert desk.calls == [("held", ["1", "2"])]
    assert desk.bus.published == []


async def test_no_try_is_made_or_counted_while_the_database_is_away() -> None:
    desk = Desk()
    desk.fails = bad = Failing(ConnectionRefusedError(), "1", times=1)
    probes = 0

    def away() -> Exception | None:
        nonlocal probes
        probes += 1
        return ConnectionRefusedError() if 1 < probes < 5 * PASSING_TRIES else None

    desk.units.fails = away
    await desk.take(arriving(held("a", "1")), arriving(held("b", "2")))
    assert desk.calls == [("held", ["1", "2"])]
    assert desk.bus.published == []
    assert len(bad.groups) == 1
    assert probes > 5 * PASSING_TRIES


async def test_a_message_whose_every_try_breaks_the_database_is_buried() -> None:
    """Each time it is back when the next try is made; without a bound it would never stay."""
    desk = Desk()
    broken = False

    def breaks(group: Sequence[Received[Any]]) -> Exception | None:
        nonlocal broken
        broken = group[0].message.run_id == "bad"
        return ConnectionResetError() if broken else None

    def away() -> Exception | None:
        nonlocal broken
        was, broken = broken, False
        return ConnectionRefusedError() if was else None

    desk.fails, desk.units.fails = breaks, away
    await desk.take(arriving(held("a", "bad")))
    await desk.take(arriving(held("a", "good")))
    assert [letter.key for letter in desk.bus.published] == ["a"]
    assert desk.calls == [("held", ["good"])]


async def test_waiting_for_the_database_ends_with_a_cancellation() -> None:
    desk = Desk()
    desk.units.fails = lambda: ConnectionRefusedError()
    handling = asyncio.create_task(desk.take(arriving(held("a"))))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    handling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handling
    assert time.monotonic() - began < 0.5
    assert desk.bus.published == []


async def test_what_was_sent_to_us_and_has_no_handler_is_buried() -> None:
    """Not so what is public: there a reader takes what it knows (see test_router)."""
    desk = Desk()
    await desk.take(arriving(ResearchTask(run_id="1")), arriving(held("b")))
    [letter] = desk.bus.published
    assert letter.topic == "research.tasks.v1.dead"
    assert letter.headers["dead_reason"] == "ResearchTask has no handler here: is its sender newer?"
    assert desk.calls == [("held", ["r"])]


async def test_a_letter_that_is_too_large_is_kept_without_its_body() -> None:
    desk = Desk()
    most = 2_000
    desk.bus.answer = lambda m: Ack.ACKNOWLEDGED if size(m) <= most else Ack.TOO_LARGE
    large = replace(arriving(held("a"), offset=3), value=b"{" * most)
    large = replace(large, headers={**large.headers, "x": "y" * most}, key="k" * most)
    await desk.take(large, arriving(held("b", "good")))
    letter = desk.bus.published[-1]
    assert letter.headers["dead_cut"] == str(most)
    assert letter.headers["dead_origin"] == "credits.events.v1/0/3"
    assert letter.headers["ce_type"] == "CreditHeld"
    assert letter.value == b""
    assert desk.calls == [("held", ["good"])]


async def test_a_replay_is_handled_once_although_the_message_died() -> None:
    desk = Desk()
    desk.fails = Failing(Poison("not yet"), "1", times=1)
    await desk.take(arriving(held("a", "1")))
    [sent] = desk.bus.published
    letter = read(Incoming(sent.topic, sent.key, sent.headers, sent.value, 0, 5), START)
    assert isinstance(letter, DeadLetter)
    again = letter.message()
    replayed = Incoming(again.topic, again.key, again.headers, again.value)
    await desk.take(replayed)
    await desk.take(replayed)
    assert desk.calls == [("held", ["1"])]
    assert len(desk.bus.published) == 1


async def test_the_batch_waits_until_a_letter_is_kept() -> None:
    desk = Desk()
    desk.bus.answer = lambda message: Ack.UNKNOWN
    bad = replace(arriving(held("a", "1")), value=b"{")
    handling = asyncio.create_task(desk.take(bad, arriving(held("a", "2"))))
    await asyncio.sleep(0.05)
    assert not handling.done()
    assert desk.calls == []
    desk.bus.answer = lambda message: Ack.ACKNOWLEDGED
    await asyncio.wait_for(handling, 2)
    assert desk.calls == [("held", ["2"])]


async def test_fates_are_counted() -> None:
    def count(name: str) -> float:
        labels = {"topic": "credits.events.v1", "type": "CreditHeld"}
        return REGISTRY.get_sample_value(f"dossier_{name}_total", labels) or 0

    names = ("messages_handled", "messages_retried", "dead_letters")
    before = [count(name) for name in names]
    desk = Desk()
    desk.fails = Failing(ValueError("no"), "bad")
    await desk.take(*(arriving(held(run, run)) for run in ("1", "bad", "2")))
    after = [count(name) for name in names]
    retried = 3 + 2 + TRIES - 1  # the batch, its bad half, and the bad message alone
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, retried, 1]


def test_pauses_grow_to_a_bound_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", FIRST_PAUSE_S)
    some = list(islice(pauses("a"), PASSING_TRIES))
    assert FIRST_PAUSE_S / 2 <= some[0] <= FIRST_PAUSE_S
    assert LONGEST_PAUSE_S / 2 <= some[-1] <= LONGEST_PAUSE_S
    assert some == list(islice(pauses("a"), PASSING_TRIES))
    assert some != list(islice(pauses("b"), PASSING_TRIES))
    assert 60 < sum(some) < 180


def size(letter: Outgoing) -> int:
    headers = sum(len(name) + len(value) for name, value in letter.headers.items())
    return len(letter.key) + len(letter.value) + headers
