"""The worker's half of a run, against an owner that speaks HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from libs.contracts.research import ResearchLease, ResearchStepStarted
from libs.contracts.work import WorkMessage
from libs.messaging.bus import Ack, Incoming, NotConsumed
from libs.work import runner as runner_module
from libs.work.client import OwnerClient
from libs.work.runner import Attempt, WorkError
from tests.support.memory import TRACE
from tests.unit.work.worker_kit import LEASE_S, Worker, result, until


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "RETRY_S", 0.0)


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[Worker]:
    one = Worker()
    yield one
    await one.runner.stop()


async def test_what_an_attempt_finds_is_sent_in_order(worker: Worker) -> None:
    worker.work = result
    await worker.tasks("a")
    await until(lambda: len(worker.bus.published) == 3)
    assert worker.bus.types == [
        "ResearchStepStarted",
        "ResearchSourceRecorded",
        "ResearchStepStarted",
    ]
    for message in worker.bus.published:
        assert message.key == "a"
        assert message.headers["traceparent"] == TRACE
        assert json.loads(message.value)["token"] == "token-a"


async def test_a_run_that_cannot_be_claimed_is_left(worker: Worker) -> None:
    await worker.tasks("a", "a")
    await until(lambda: worker.started == ["a"])
    assert worker.owner.claims == ["a"]


async def test_no_more_runs_than_places(worker: Worker) -> None:
    waiting = asyncio.create_task(worker.tasks("a", "b", "c"))
    await until(lambda: worker.started == ["a", "b"])
    await asyncio.sleep(0.05)
    assert worker.owner.claims == ["a", "b"]
    worker.owner.stop = True  # both leases are lost, which frees their places
    await until(lambda: "c" in worker.owner.claims)
    await waiting


async def test_a_task_that_finds_no_place_for_long_comes_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "PLACE_WAIT_S", 0.05)
    await worker.tasks("a", "b")
    with pytest.raises(NotConsumed):
        await worker.tasks("c")
    assert worker.owner.claims == ["a", "b"]


async def test_refused_claims_take_no_place(worker: Worker) -> None:
    worker.owner.claims = ["x1", "x2", "x3"]
    await worker.tasks("x1", "x2", "x3", "a")
    await until(lambda: worker.started == ["a"])


async def test_heartbeats_keep_a_lease(worker: Worker) -> None:
    await worker.tasks("a")
    await asyncio.sleep(2 * LEASE_S)
    assert len(worker.owner.heartbeats) >= 4
    assert set(worker.owner.heartbeats) == {"token-a"}
    assert worker.cancelled == []


async def test_work_stops_when_the_owner_says_so(worker: Worker) -> None:
    await worker.tasks("a")
    await until(lambda: worker.started == ["a"])
    worker.owner.stop = True
    await until(lambda: worker.cancelled == ["a"])
    await asyncio.sleep(0.02)
    assert worker.bus.published == []  # its token no longer counts


@pytest.mark.parametrize("status", [500, 503])
async def test_work_stops_when_no_heartbeat_got_through_for_a_lease(
    worker: Worker, status: int
) -> None:
    await worker.tasks("a")
    worker.owner.trouble = lambda request: httpx.Response(status)
    await until(lambda: worker.cancelled == ["a"])
    assert worker.bus.published == []


async def test_a_short_absence_of_the_owner_does_no_harm(worker: Worker) -> None:
    failures = iter([httpx.Response(503)] * 2)
    await worker.tasks("a")
    worker.owner.trouble = lambda request: next(failures, None)
    await asyncio.sleep(2 * LEASE_S)
    assert worker.cancelled == []
    assert len(worker.owner.heartbeats) >= 2


async def test_a_claim_is_tried_again_while_the_owner_is_away(worker: Worker) -> None:
    troubles = iter(["unavailable", "refused", "unavailable"])

    def trouble(request: httpx.Request) -> httpx.Response | None:
        kind = next(troubles, None)
        if kind == "refused":
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(503) if kind else None

    worker.owner.trouble = trouble
    await worker.tasks("a")
    assert worker.owner.claims == ["a"]


async def test_a_claim_that_fails_for_long_is_left_to_the_owner(worker: Worker) -> None:
    worker.owner.trouble = lambda request: httpx.Response(500)
    await worker.tasks("a", "b", "c")
    worker.owner.trouble = lambda request: None
    await worker.tasks("d")
    assert worker.owner.claims == ["d"]


async def test_an_unreadable_task_is_skipped(worker: Worker) -> None:
    await worker.runner.on_tasks([Incoming("research.tasks.v1", "a", {}, b"")])
    await worker.tasks("b")
    assert worker.owner.claims == ["b"]


@pytest.mark.parametrize("run_id", ["run_\n", "run_\0", "x" * 70_000, "../../y", "run?a=b#c"])
async def test_a_task_with_a_strange_run_id_keeps_no_other_from_being_taken(
    worker: Worker, run_id: str
) -> None:
    """It is claimed as it is, or skipped; it never asks the owner for something else."""
    await worker.tasks(run_id, "b")
    assert worker.owner.claims[-1] == "b"
    assert set(worker.owner.claims) <= {run_id, "b"}


@pytest.mark.parametrize("retryable", [True, False])
async def test_an_error_of_the_work_is_reported(worker: Worker, retryable: bool) -> None:
    async def fails(attempt: Attempt[ResearchLease]) -> WorkMessage:
        raise WorkError("nothing_read", "No page could be read.", retryable=retryable)

    worker.work = fails
    await worker.tasks("a")
    await until(lambda: bool(worker.failures))
    [failure] = worker.failures
    assert (failure.code, failure.retryable) == ("nothing_read", retryable)
    assert (failure.run_id, failure.token) == ("a", "token-a")


async def test_a_crash_of_the_work_asks_for_another_attempt_and_tells_no_details(
    worker: Worker,
) -> None:
    async def crashes(attempt: Attempt[ResearchLease]) -> WorkMessage:
        raise RuntimeError("secret detail")

    worker.work = crashes
    await worker.tasks("a")
    await until(lambda: bool(worker.failures))
    [failure] = worker.failures
    assert (failure.code, failure.retryable) == ("worker_error", True)
    assert "secret" not in failure.message


async def test_a_finished_attempt_frees_its_place() -> None:
    worker = Worker(concurrency=1)
    worker.work = result
    await worker.tasks("a", "b", "c")
    await until(lambda: len(worker.bus.published) == 9)
    assert worker.owner.claims == ["a", "b", "c"]
    await worker.runner.stop()


async def test_stopping_hands_back_what_is_under_way() -> None:
    worker = Worker()
    await worker.tasks("a", "b")
    await until(lambda: len(worker.started) == 2)
    await worker.runner.stop()
    assert sorted(worker.cancelled) == ["a", "b"]
    assert {failure.run_id for failure in worker.failures} == {"a", "b"}
    assert all(f.code == "handed_back" and f.retryable for f in worker.failures)


async def test_stopping_leaves_no_further_run_claimed() -> None:
    """A task that waits for a place is another worker's: it neither is claimed nor counts as
    consumed."""
    worker = Worker(concurrency=1)
    waiting = asyncio.create_task(worker.tasks("a", "b"))
    await until(lambda: worker.started == ["a"])
    await worker.runner.stop()
    await asyncio.wait([waiting], timeout=1)
    assert worker.owner.claims == ["a"]
    assert not waiting.done() or waiting.exception() is not None
    waiting.cancel()


async def test_a_run_that_is_claimed_while_stopping_is_handed_back() -> None:
    worker = Worker()
    answer, asked, may_answer = worker.owner.answer, asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        asked.set()
        await may_answer.wait()
        return await answer(request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(slow), base_url="http://owner")
    worker.runner._owner = OwnerClient(http, ResearchLease, worker="me")
    claiming = asyncio.create_task(worker.tasks("a"))
    await asked.wait()
    stopping = asyncio.create_task(worker.runner.stop())
    await asyncio.sleep(0.02)
    may_answer.set()
    await asyncio.wait([stopping, claiming])
    await asyncio.sleep(0.02)
    assert [(f.run_id, f.code) for f in worker.failures] == [("a", "handed_back")]


async def test_a_claim_that_hangs_keeps_no_run_from_being_handed_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner_module, "CLAIM_WAIT_S", 0.2)
    worker = Worker()
    await worker.tasks("a")
    await until(lambda: worker.started == ["a"])

    async def hangs(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    http = httpx.AsyncClient(transport=httpx.MockTransport(hangs), base_url="http://owner")
    worker.runner._owner = OwnerClient(http, ResearchLease, worker="me")
    claiming = asyncio.create_task(worker.tasks("b"))
    await asyncio.sleep(0.02)
    stopping = asyncio.create_task(worker.runner.stop())
    await asyncio.sleep(0.1)
    assert [(f.run_id, f.code) for f in worker.failures] == [("a", "handed_back")]
    async with asyncio.timeout(1):
        await stopping
    claiming.cancel()


async def test_a_claim_that_failed_is_not_tried_again_while_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its task is another worker's."""
    monkeypatch.setattr(runner_module, "RETRY_S", 0.1)
    worker = Worker()
    tried = []
    worker.owner.trouble = lambda request: tried.append(request) or httpx.Response(503)
    claiming = asyncio.create_task(worker.tasks("a"))
    await until(lambda: len(tried) == 1)
    await worker.runner.stop()
    with pytest.raises(NotConsumed):
        await claiming
    assert len(tried) == 1


async def test_a_result_is_sent_again_until_it_is_acknowledged(worker: Worker) -> None:
    answers = iter([Ack.REFUSED, Ack.UNKNOWN, Ack.ACKNOWLEDGED])
    worker.bus.answer = lambda message: next(answers)

    async def done(attempt: Attempt[ResearchLease]) -> WorkMessage:
        return ResearchStepStarted(run_id="a", token="token-a", step="result")

    worker.work = done
    await worker.tasks("a")
    await until(lambda: next(answers, None) is None)
    # The same message: what was perhaps written the first time is recognised as a repeat.
    assert len({message.id for message in worker.bus.published}) == 1


async def test_a_result_that_cannot_be_sent_is_given_up(worker: Worker) -> None:
    worker.bus.answer = lambda message: Ack.REFUSED
    worker.work = result
    await worker.tasks("a", "b")
    await asyncio.sleep(0.1)
    worker.bus.answer = lambda message: Ack.ACKNOWLEDGED
    await worker.tasks("c")  # the places are free again
    await until(lambda: bool(worker.bus.published))
    assert {message.key for message in worker.bus.published} == {"c"}
