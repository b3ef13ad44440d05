"""A batch is handed back in time, whatever fails in it, and every message still meets its fate."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import structlog

from libs.messaging import retries, router, turn
from libs.messaging.bus import Ack, Incoming, PartlyConsumed
from libs.messaging.retries import PASSING_S, PASSING_TRIES, TRIES
from libs.messaging.router import Received
from libs.messaging.turn import BATCH_S, POLL_INTERVAL_S
from tests.support.memory import arriving
from tests.unit.messaging.desk import Desk, held, voided

TRY_S = 10.0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which only failing tries move."""
    at = [100.0]
    clock = SimpleNamespace(monotonic=lambda: at[0])  # not the event loop's, which must go on
    monkeypatch.setattr(router, "time", clock)
    monkeypatch.setattr(turn, "time", clock)
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.0)
    return at


class Slow:
    """Fails for some runs, each time only after a while."""

    def __init__(self, now: list[float], error: Exception, *runs: str) -> None:
        self.now, self.error, self.runs = now, error, set(runs)
        self.tries = 0

    def __call__(self, group: Sequence[Received[Any]]) -> Exception | None:
        if not self.runs & {r.message.run_id for r in group}:
            return None
        self.now[0] += TRY_S
        self.tries += 1
        return self.error


def batch_of(size: int) -> list[Incoming]:
    return [arriving(held(str(n), str(n)), offset=n) for n in range(size)]


async def deliver(desk: Desk, batch: Sequence[Incoming], now: list[float]) -> list[float]:
    """Delivers as a feed does, until all is settled; answers how long each delivery took."""
    took = []
    while batch:
        began = now[0]
        try:
            await desk.take(*batch)
            rest: Sequence[Incoming] = []
        except PartlyConsumed as error:
            rest = error.rest
        took.append(now[0] - began)
        first = min((message.offset for message in rest), default=None)
        batch = [] if first is None else [m for m in batch if m.offset >= first]
    return took


@pytest.mark.parametrize("bad", [["0"], ["41"], ["0", "1", "40", "63"]], ids=str)
@pytest.mark.parametrize("error", [asyncpg.LockNotAvailableError("x"), ValueError("x")], ids=repr)
async def test_a_slow_failure_never_holds_a_partition_for_long(
    now: list[float], error: Exception, bad: list[str]
) -> None:
    desk = Desk()
    desk.fails = Slow(now, error, *bad)
    took = await deliver(desk, batch_of(64), now)
    assert len(took) > 1
    assert max(took) <= BATCH_S + TRY_S
    assert max(took) < POLL_INTERVAL_S / 2
    assert sum(took) < len(bad) * (PASSING_S + 2 * BATCH_S)
    assert sorted(letter.key for letter in desk.bus.published) == sorted(bad)
    handled = {run for _, runs in desk.calls for run in runs}
    assert handled == {str(n) for n in range(64)} - set(bad)


async def test_tries_are_counted_on_after_a_batch_was_handed_back(now: list[float]) -> None:
    desk = Desk()
    desk.fails = bad = Slow(now, ValueError("x"), "0")
    bad.now = [0.0]  # its tries take no time

    def over(group: Sequence[Received[Any]]) -> Exception | None:
        now[0] += BATCH_S
        return bad(group)

    desk.fails = over
    took = await deliver(desk, batch_of(1), now)
    assert len(took) == TRIES
    assert bad.tries == TRIES
    assert [letter.key for letter in desk.bus.published] == ["0"]


async def test_the_order_of_a_key_survives_a_hand_back(now: list[float]) -> None:
    desk = Desk()
    slow = Slow(now, asyncpg.LockNotAvailableError("x"), "1")
    desk.fails = lambda group: slow(group) if slow.tries < 8 else None
    batch = [
        arriving(held("a", "0"), offset=0),
        arriving(held("a", "1"), offset=1),
        arriving(voided("a", "2"), offset=2),
        arriving(held("a", "3"), offset=3),
    ]
    took = await deliver(desk, batch, now)
    assert len(took) > 1
    assert [run for _, runs in desk.calls for run in runs] == ["0", "1", "2", "3"]
    assert desk.bus.published == []


async def test_an_outage_hands_batches_back_and_counts_no_try(now: list[float]) -> None:
    desk = Desk()
    ends = now[0] + 3 * PASSING_TRIES * BATCH_S

    def away() -> Exception | None:
        now[0] += TRY_S
        return ConnectionRefusedError() if now[0] < ends else None

    desk.units.fails = away
    took = await deliver(desk, batch_of(3), now)
    assert max(took) <= BATCH_S + 2 * TRY_S
    assert {run for _, runs in desk.calls for run in runs} == {"0", "1", "2"}
    assert desk.bus.published == []


@pytest.mark.parametrize("full", [asyncpg.DiskFullError, asyncpg.TooManyConnectionsError])
async def test_a_full_database_costs_no_message_its_life(
    now: list[float], full: type[Exception]
) -> None:
    """The probe writes nothing, and so does not notice a full disk."""
    desk = Desk()
    tries = iter(range(5 * PASSING_TRIES))
    desk.fails = lambda group: full("x") if next(tries, None) is not None else None
    await desk.take(*batch_of(2))
    assert desk.calls == [("held", ["0", "1"])]
    assert desk.bus.published == []


async def test_out_of_memory_may_be_the_work_of_the_message(now: list[float]) -> None:
    desk = Desk()
    desk.fails = lambda group: asyncpg.OutOfMemoryError("x")
    await desk.take(*batch_of(1))
    assert [letter.key for letter in desk.bus.published] == ["0"]


async def test_a_letter_that_cannot_be_kept_hands_the_batch_back_and_says_what_to_do(
    now: list[float],
) -> None:
    desk = Desk()

    def refused(message: object) -> Ack:
        now[0] += TRY_S
        return Ack.REFUSED

    desk.bus.answer = refused
    batch = batch_of(2)
    batch[0] = replace(batch[0], value=b"{")
    with structlog.testing.capture_logs() as logs, pytest.raises(PartlyConsumed) as caught:
        await asyncio.wait_for(desk.take(*batch), 5)
    assert caught.value.rest == batch
    assert "python -m libs.messaging.admin" in logs[0]["advice"]
    assert desk.calls == []
