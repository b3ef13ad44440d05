"""What every owner of runs answers: leases to workers, outcomes to gateways; and its routes."""

from typing import Any, Generic, TypeVar

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from libs.contracts.gateway import Outcome, Reply
from libs.contracts.work import ClaimRequest, Heartbeat, HeartbeatAnswer, Lease
from libs.messaging.clock import Ids, new_traceparent
from libs.messaging.unit import Units
from libs.work.owner import Owner, Saga
from libs.work.run import Run
from libs.work.settings import WorkSettings

R = TypeVar("R", bound=Run)


class WorkApi(Generic[R]):
    """The questions that workers and gateways ask the owner of a run; one unit each."""

    def __init__(
        self, units: Units[Any], saga: Saga[R], owner: Owner[R], settings: WorkSettings, ids: Ids
    ) -> None:
        self._units = units
        self._saga = saga
        self._owner = owner
        self._settings = settings
        self._ids = ids

    async def claim(self, run_id: str, worker: str) -> Lease | None:
        """The lease of a queued run; None if there is nothing to work on."""
        async with self._units.begin() as unit:
            run = await self._owner.claim(unit, run_id, worker)
            if run is None:
                return None
            return await self._saga.lease(unit, run, self._settings.lease_s)

    async def heartbeat(self, run_id: str, token: str) -> bool:
        """Extends a lease; False if the work is to stop."""
        async with self._units.begin() as unit:
            return await self._owner.heartbeat(unit, run_id, token)

    async def resolve(self, run_id: str, user_id: str, subject_id: str) -> Reply | None:
        """The outcome of a command, None while undecided.

        A command that never came is refused for good: it does nothing if it comes after
        this, so that the gateway may say that nothing was done. `subject_id` is what the
        command was about: a person, or the user.
        """
        async with self._units.begin() as unit:
            known: R | None = (await unit.store.lock_runs([run_id])).get(run_id)
            if known is None:
                known = self._saga.refused(
                    run_id, user_id, subject_id, unit.now, new_traceparent(self._ids)
                )
                await unit.store.insert_runs([known])
            if known.user_id != user_id:
                return Reply(run_id=run_id, outcome=Outcome.CONFLICT)
            return known.reply()


class Resolve(BaseModel):
    """Asks for the outcome of a command that was not answered in time."""

    user_id: str
    subject_id: str


def create_router(work: WorkApi[Any]) -> APIRouter:
    """The internal routes over it."""
    router = APIRouter()

    @router.post("/runs/{run_id}/claim")
    async def claim(run_id: str, request: ClaimRequest) -> dict[str, Any]:
        granted = await work.claim(run_id, request.worker)
        if granted is None:
            raise HTTPException(409, "The run is not waiting for a worker.")
        return granted.model_dump(mode="json")

    @router.post("/runs/{run_id}/heartbeat")
    async def heartbeat(run_id: str, beat: Heartbeat) -> HeartbeatAnswer:
        return HeartbeatAnswer(stop=not await work.heartbeat(run_id, beat.token))

    @router.post("/runs/{run_id}/resolve")
    async def resolve(run_id: str, asked: Resolve) -> Reply | None:
        return await work.resolve(run_id, asked.user_id, asked.subject_id)

    return router
