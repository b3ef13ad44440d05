"""The internal HTTP routes of every owner of runs: leases for workers, outcomes for gateways."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from libs.contracts.gateway import Outcome, Reply
from libs.contracts.work import ClaimRequest, Heartbeat, HeartbeatAnswer, Lease
from libs.messaging.unit import Unit, Units
from libs.work.owner import Owner
from libs.work.run import Run

R = TypeVar("R", bound=Run)


class Resolve(BaseModel):
    """Asks for the outcome of a command that was not answered in time.

    `subject_id` is what the command was about: a person, or the user.
    """

    user_id: str
    subject_id: str


def create_router(
    units: Units[Any],
    owner: Owner[R],
    lease: Callable[[Unit[Any], R], Awaitable[Lease | None]],
    refused_unseen: Callable[[Unit[Any], str, Resolve], R],
) -> APIRouter:
    """Routes over `units`. `lease` makes the grant of a claimed run (None: what it was about is
    gone); `refused_unseen` makes a run that was refused before it came."""
    router = APIRouter()

    @router.post("/runs/{run_id}/claim")
    async def claim(run_id: str, request: ClaimRequest) -> dict[str, Any]:
        async with units.begin() as unit:
            run = await owner.claim(unit, run_id, request.worker)
            granted = await lease(unit, run) if run else None
            if granted is None:
                raise HTTPException(409, "The run is not waiting for a worker.")
        return granted.model_dump(mode="json")

    @router.post("/runs/{run_id}/heartbeat")
    async def heartbeat(run_id: str, beat: Heartbeat) -> HeartbeatAnswer:
        async with units.begin() as unit:
            return HeartbeatAnswer(stop=not await owner.heartbeat(unit, run_id, beat.token))

    @router.post("/runs/{run_id}/resolve")
    async def resolve(run_id: str, asked: Resolve) -> Reply | None:
        """The outcome of a command, null while undecided.

        A command that never came is refused for good: it does nothing if it
        comes after this, so that the gateway may say that nothing was done.
        """
        async with units.begin() as unit:
            known = (await unit.store.lock_runs([run_id])).get(run_id)
            if known is None:
                known = refused_unseen(unit, run_id, asked)
                await unit.store.insert_runs([known])
            if known.user_id != asked.user_id:
                return Reply(run_id=run_id, outcome=Outcome.CONFLICT)
            outcome: Reply | None = known.reply()
            return outcome

    return router
