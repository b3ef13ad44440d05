"""Context: regenerate it, read it, follow a run."""

from typing import Any

from fastapi import APIRouter, Response

from libs.contracts.context import ContextRegenerateRequested
from libs.contracts.times import milliseconds
from services.gateway.identity import RunId, Trace, UserCaller
from services.gateway.outcomes import accepted
from services.gateway.ports import Ports
from services.gateway.schemas import Regenerate


def create_router(ports: Ports) -> APIRouter:
    router = APIRouter(prefix="/api/context", tags=["context"])

    @router.post("/regenerate")
    async def regenerate(body: Regenerate, user: UserCaller, trace: Trace) -> dict[str, Any]:
        """Reads the user's sites again and writes the context anew, in the background."""
        run_id = ports.commands.new_run_id()
        reply = await ports.commands.ask(
            ContextRegenerateRequested(
                run_id=run_id,
                user_id=user.id,
                not_after=ports.commands.deadline(),
                **body.model_dump(),
            ),
            run_id=run_id,
            user_id=user.id,
            owner=ports.context,
            run_path=f"/api/context/runs/{run_id}",
            trace=trace,
        )
        stamp = accepted(reply, "user", ports.clock()).regenerated_at
        assert stamp is not None
        return {
            "success": True,
            "runId": run_id,
            "lastContextRegeneratedAt": milliseconds(stamp),
        }

    @router.get("")
    async def context(user: UserCaller) -> Response:
        """The context as it is now, with the evidence of each field."""
        return await ports.context.read(f"/users/{user.id}/context", "context")

    @router.get("/runs/{run_id}")
    async def run(run_id: RunId, user: UserCaller) -> Response:
        """How a regeneration stands: its step, and what it read or could not read."""
        return await ports.context.read(f"/users/{user.id}/runs/{run_id}", "run")

    return router
