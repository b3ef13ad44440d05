"""The internal HTTP API: reads in the public shapes, and what `libs.work.api` needs."""

from typing import Any

from fastapi import APIRouter, HTTPException

from libs.contracts.times import milliseconds
from libs.messaging.unit import Units
from services.context.domain import ContextRun, sections_of
from services.context.store import PostgresStore


def create_router(units: Units[PostgresStore]) -> APIRouter:
    router = APIRouter()

    @router.get("/users/{user_id}/context")
    async def context(user_id: str) -> dict[str, Any]:
        async with units.begin() as unit:
            profile = await unit.store.profile(user_id)
        if profile is None:
            return {"context": None, "profile": None, "evidence": {}, "generator": None}
        stamp = profile.last_context_regenerated_at
        return {
            "context": {**sections_of(profile), "extra": profile.extra_context},
            "profile": {
                "firstName": profile.first_name,
                "lastName": profile.last_name,
                "companyName": profile.company_name,
                "website": profile.website,
            },
            "evidence": profile.evidence,
            "generator": profile.generator,
            "lastContextRegeneratedAt": milliseconds(stamp) if stamp else None,
        }

    @router.get("/users/{user_id}/runs/{run_id}")
    async def run(user_id: str, run_id: str) -> dict[str, Any]:
        async with units.begin() as unit:
            found = await unit.store.run(run_id)
            if found is None or found.user_id != user_id:
                raise HTTPException(404, "There is no such object.")
            sources = await unit.store.sources(run_id)
        return {"run": _run(found, sources)}

    return router


def _run(run: ContextRun, sources: list[dict[str, Any]]) -> dict[str, Any]:
    error = {"code": run.error_code, "message": run.error_message}
    return {
        "id": run.id,
        "status": run.state,
        "step": run.step,
        "attempt": run.attempt,
        "error": error if run.error_code else None,
        "sources": sources,
        "createdAt": run.created_at,
        "endedAt": run.ended_at,
    }
