"""The internal HTTP API: reads in the public shapes, deletes, and what `libs.work.api` needs."""

import re
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException

from libs.messaging.clock import Ids
from libs.messaging.unit import Units
from services.research.domain import Person, ResearchRun, Settlement
from services.research.handlers import delete_person
from services.research.saga import ResearchSaga
from services.research.store import PostgresStore

NOT_FOUND = HTTPException(404, "There is no such object.")
CURSOR = re.compile(r"(\d{1,10}\.\d{6})_([0-9a-f-]{36})")
FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)


def create_router(units: Units[PostgresStore], saga: ResearchSaga, ids: Ids) -> APIRouter:
    router = APIRouter()

    @router.get("/users/{user_id}/people")
    async def people(user_id: str, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
        before, before_id = _from_cursor(cursor)
        async with units.begin() as unit:
            found = await unit.store.people_page(user_id, before, before_id, limit + 1)
        page = found[:limit]
        more = len(found) > limit
        return {
            "people": [person.shown() for person in page],
            "nextCursor": _cursor(page[-1]) if more else None,
        }

    @router.get("/users/{user_id}/people/{person_id}")
    async def person(user_id: str, person_id: str) -> dict[str, Any]:
        async with units.begin() as unit:
            found = await unit.store.person(person_id, user_id)
        if found is None:
            raise NOT_FOUND
        return {"person": found.shown()}

    @router.delete("/users/{user_id}/people/{person_id}")
    async def delete(user_id: str, person_id: str) -> dict[str, Any]:
        async with units.begin() as unit:
            if not await delete_person(unit, saga, ids, user_id, person_id):
                raise NOT_FOUND
        return {"success": True}

    @router.get("/users/{user_id}/people/{person_id}/report")
    async def report(user_id: str, person_id: str) -> dict[str, Any]:
        found = await _reports(user_id, person_id, None, 1)
        return {"report": _report(found[0]) if found else None}

    @router.get("/users/{user_id}/people/{person_id}/reports")
    async def reports(user_id: str, person_id: str) -> dict[str, Any]:
        return {"reports": [_report(r) for r in await _reports(user_id, person_id, None, 100)]}

    @router.get("/users/{user_id}/people/{person_id}/reports/{version}")
    async def report_version(user_id: str, person_id: str, version: int) -> dict[str, Any]:
        found = await _reports(user_id, person_id, version, 1)
        if not found:
            raise NOT_FOUND
        return {"report": _report(found[0])}

    async def _reports(
        user_id: str, person_id: str, version: int | None, most: int
    ) -> list[dict[str, Any]]:
        async with units.begin() as unit:
            if await unit.store.person(person_id, user_id) is None:
                raise NOT_FOUND
            return await unit.store.reports(person_id, user_id, version=version, most=most)

    @router.get("/users/{user_id}/runs/{run_id}")
    async def run(user_id: str, run_id: str) -> dict[str, Any]:
        async with units.begin() as unit:
            found = await unit.store.run(run_id)
            if found is None or found.user_id != user_id:
                raise NOT_FOUND
            final = not found.open and found.is_settled(charge_failed=saga.charge_failed)
            return {"run": _run(found, await unit.store.sources(run_id), final=final)}

    return router


def _cursor(person: Person) -> str:
    return f"{person.created_at.timestamp():.6f}_{person.id}"


def _from_cursor(cursor: str | None) -> tuple[datetime, str]:
    if cursor is None:
        return FAR_FUTURE, ""
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise HTTPException(400, "The cursor is not one that this API gave.")
    return datetime.fromtimestamp(float(found[1]), UTC), found[2]


def _report(row: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "person_id", "version", "content", "change_summary", "generated_at", "run_id")
    return {name: row[name] for name in names}


def _run(run: ResearchRun, sources: list[dict[str, Any]], *, final: bool) -> dict[str, Any]:
    """A run as its user sees it: `credits` says what it cost, and whether that is final."""
    charged = run.price if run.settlement in (Settlement.CHARGED, Settlement.REFUNDED) else 0
    error = {"code": run.error_code, "message": run.error_message}
    return {
        "id": run.id,
        "personId": run.person_id,
        "status": run.state,
        "step": run.step,
        "attempt": run.attempt,
        "error": error if run.error_code else None,
        "credits": {
            "settlement": run.settlement,
            "held": run.price if run.settlement is Settlement.HELD else 0,
            "charged": charged,
            "returned": run.price if run.settlement is Settlement.REFUNDED else 0,
            "final": final,
        },
        "reportVersion": run.report_version,
        "sources": sources,
        "createdAt": run.created_at,
        "endedAt": run.ended_at,
    }
