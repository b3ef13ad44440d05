"""The owner's half of a run, over a store in memory."""

from datetime import datetime, timedelta

import pytest

from libs.contracts.envelope import Meta
from libs.contracts.gateway import Outcome, Reply
from libs.contracts.research import ResearchTask
from libs.contracts.sources import Source, SourceStatus
from libs.contracts.work import SourceRecorded, StepStarted, WorkFailed, WorkMessage
from libs.work.owner import LEASE_LOST
from libs.work.run import RunError, RunState
from tests.support.memory import START, arriving
from tests.unit.work.owner_kit import ADDRESS, SETTINGS, Desk
from tests.unit.work.test_run import a_run

S = RunState


async def test_acknowledged_tasks_are_queued_once() -> None:
    desk = Desk(S.DISPATCHING)
    for _ in range(2):
        async with desk.units.begin() as unit:
            await desk.owner.task_acknowledged(unit, [ResearchTask(run_id="run_1")])
    assert desk.run.state is S.QUEUED
    assert desk.run.due_at == START + SETTINGS.resend
    assert desk.saga.told == [("dispatched", ["run_1"])]


async def test_refused_tasks_are_the_sagas_to_undo() -> None:
    desk = Desk(S.DISPATCHING)
    async with desk.units.begin() as unit:
        await desk.owner.task_not_acknowledged(unit, [ResearchTask(run_id="run_1")])
    assert desk.saga.told == [("not dispatched", ["run_1"])]


async def test_a_claim_grants_a_lease_with_a_fresh_token() -> None:
    desk = Desk(S.QUEUED)
    claimed = await desk.claim(worker="me")
    assert claimed == desk.run
    assert (claimed.token, claimed.worker, claimed.attempt) == ("token1", "me", 1)
    assert claimed.due_at == START + SETTINGS.lease


async def test_a_claim_while_dispatching_proves_the_dispatch() -> None:
    desk = Desk(S.DISPATCHING)
    assert await desk.claim() is not None
    assert desk.run.state is S.WORKING
    assert desk.saga.told == [("dispatched", ["run_1"])]


@pytest.mark.parametrize("state", set(S) - {S.QUEUED, S.DISPATCHING})
async def test_other_runs_cannot_be_claimed(state: RunState) -> None:
    desk = Desk(state)
    before = desk.run
    assert await desk.claim() is None
    assert desk.run == before
    assert await desk.claim("run_unknown") is None


async def test_of_two_claims_one_wins() -> None:
    desk = Desk(S.QUEUED)
    assert await desk.claim(worker="first") is not None
    assert await desk.claim(worker="second") is None
    assert desk.run.worker == "first"


async def test_a_heartbeat_extends_only_its_own_lease() -> None:
    desk = Desk(S.WORKING, token="t")
    desk.time.pass_(seconds=5)
    async with desk.units.begin() as unit:
        assert not await desk.owner.heartbeat(unit, "run_1", "old")
        assert desk.run.due_at == START
        assert await desk.owner.heartbeat(unit, "run_1", "t")
    assert desk.run.due_at == START + timedelta(seconds=5) + SETTINGS.lease


STEP = StepStarted(run_id="run_1", token="t", step="crawl")
SOURCE = SourceRecorded(
    run_id="run_1",
    token="t",
    source=Source(id="s", url="https://a.example", status=SourceStatus.READ, fetched_at=START),
)


class Result(WorkMessage):
    """What a kind of work answers at its end."""


async def test_findings_are_recorded() -> None:
    desk = Desk(S.WORKING)
    await desk.take(STEP, SOURCE)
    assert desk.run.step == "crawl"
    assert desk.store.sources == [("run_1", "s")]
    assert desk.results == []


async def test_a_result_is_the_services_to_take() -> None:
    desk = Desk(S.WORKING)
    await desk.take(STEP, Result(run_id="run_1", token="t"))
    [(run, message)] = desk.results
    assert (run.step, message.token) == ("crawl", "t")


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("token", ["t", "old"])
async def test_findings_count_only_with_the_token_of_the_lease(state: RunState, token: str) -> None:
    desk = Desk(state, token="t")
    before = desk.run
    failed = WorkFailed(run_id="run_1", token=token, code="c", message="m")
    await desk.take(
        STEP.model_copy(update={"token": token}),
        SOURCE.model_copy(update={"token": token}),
        STEP.model_copy(update={"run_id": "run_unknown"}),
        Result(run_id="run_1", token=token),
    )
    await desk.take(failed)
    counts = state is S.WORKING and token == "t"
    assert (desk.run != before) == counts
    assert bool(desk.store.sources) == bool(desk.results) == bool(desk.saga.told) == counts


async def test_a_repeated_command_is_answered_as_it_was_decided() -> None:
    desk = Desk(S.QUEUED)
    meta = Meta.from_headers(arriving(ResearchTask(run_id="x"), reply_to=ADDRESS).headers)
    reply = Reply(run_id="run_1", outcome=Outcome.ACCEPTED)
    async with desk.units.begin() as unit:
        await desk.owner.answer_again(unit, desk.run, reply, meta)
    [answer] = desk.units.outlet.take()
    assert (answer.type, answer.partition) == ("Reply", ADDRESS.partition)
    assert answer.headers["correlation_id"] == ADDRESS.correlation_id


async def test_an_undecided_command_answers_to_its_repeat() -> None:
    desk = Desk(S.HOLDING)
    meta = Meta.from_headers(arriving(ResearchTask(run_id="x"), reply_to=ADDRESS).headers)
    async with desk.units.begin() as unit:
        await desk.owner.answer_again(unit, desk.run, None, meta)
    assert desk.run.reply_to == ADDRESS
    assert len(desk.units.outlet) == 0


@pytest.mark.parametrize(
    ("retryable", "attempt", "expected"),
    [
        (True, 1, S.QUEUED),
        (True, SETTINGS.attempts - 1, S.QUEUED),
        (True, SETTINGS.attempts, S.FAILED),
        (False, 1, S.FAILED),
    ],
)
async def test_a_failed_attempt_is_repeated_or_ends_the_run(
    retryable: bool, attempt: int, expected: RunState
) -> None:
    desk = Desk(S.WORKING, attempt=attempt)
    failed = WorkFailed(run_id="run_1", token="t", code="c", message="m", retryable=retryable)
    await desk.take(failed)
    assert desk.run.state is expected
    assert desk.tasks == (["run_1"] if expected is S.QUEUED else [])
    assert desk.saga.errors == ([RunError("c", "m")] if expected is S.FAILED else [])


class TestReaper:
    async def test_leaves_alone_what_is_not_due(self) -> None:
        desk = Desk(S.WORKING, due_at=START + timedelta(seconds=1))
        assert await desk.reap() == 0
        assert desk.run.state is S.WORKING

    async def test_a_lease_that_ran_out_costs_an_attempt(self) -> None:
        desk = Desk(S.WORKING)
        assert await desk.reap() == 1
        assert desk.run.state is S.QUEUED
        assert desk.tasks == ["run_1"]

    async def test_the_last_lease_that_ran_out_ends_the_run(self) -> None:
        desk = Desk(S.WORKING, attempt=SETTINGS.attempts)
        await desk.reap()
        assert desk.run.state is S.FAILED
        assert desk.saga.errors == [LEASE_LOST]

    async def test_a_queued_task_is_sent_again_for_nothing(self) -> None:
        desk = Desk(S.QUEUED)
        for resends in (1, 2, 3):
            assert await desk.reap() == 1
            assert len(desk.tasks) == resends
            assert (desk.run.state, desk.run.attempt) == (S.QUEUED, 0)
            assert desk.run.due_at == desk.time.now + SETTINGS.resend
            assert await desk.reap() == 0
            desk.time.pass_(seconds=SETTINGS.resend_s)

    async def test_an_unconfirmed_dispatch_is_the_sagas_to_undo(self) -> None:
        desk = Desk(S.DISPATCHING)
        await desk.reap()
        assert desk.saga.told[0] == ("not dispatched", ["run_1"])

    async def test_the_saga_hears_of_every_deadline(self) -> None:
        desk = Desk(S.HOLDING)
        desk.add(a_run(S.FAILED, id="run_2"))
        assert await desk.reap() == 2
        assert desk.saga.told == [("overdue", ["run_1", "run_2"])]

    async def test_a_run_that_moved_on_meanwhile_is_left_alone(self) -> None:
        desk = Desk(S.WORKING)
        overdue = desk.store.overdue

        async def then_a_heartbeat_comes(now: datetime, most: int) -> list[str]:
            ids = await overdue(now, most)
            await desk.store.heartbeat("run_1", "t", now + SETTINGS.lease)
            return ids

        desk.store.overdue = then_a_heartbeat_comes  # type: ignore[method-assign]
        assert await desk.reap() == 0
        assert desk.run.state is S.WORKING
