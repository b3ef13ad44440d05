"""Deep research: people, their runs and their reports."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Response

from libs.contracts.gateway import Reply
from libs.contracts.research import NewPerson, ResearchRunRequested
from services.gateway.identity import RunId, Trace, UserCaller
from services.gateway.outcomes import accepted
from services.gateway.ports import Ports
from services.gateway.problems import Problem, not_found, outcome_unknown
from services.gateway.schemas import PERSON_ID, AddPerson
from services.gateway.store import User

PersonId = Annotated[str, Path(pattern=PERSON_ID)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200)]
MOST_VERSIONS = 2**31 - 1


def create_router(ports: Ports) -> APIRouter:
    router = APIRouter(prefix="/api/deep-research", tags=["research"])

    async def start(
        user: User, person_id: str, trace: str, *, refresh: bool, new: NewPerson | None = None
    ) -> Reply:
        run_id = ports.commands.new_run_id()
        reply = await ports.commands.ask(
            ResearchRunRequested(
                run_id=run_id,
                user_id=user.id,
                person_id=person_id,
                refresh=refresh,
                new_person=new,
                not_after=ports.commands.deadline(),
            ),
            run_id=run_id,
            user_id=user.id,
            owner=ports.research,
            needs=[ports.credits],
            run_path=f"/api/deep-research/runs/{run_id}",
            trace=trace,
        )
        return accepted(reply, "person", ports.clock())

    async def read_person(user: User, person_id: str, run_id: str) -> dict[str, Any]:
        """For an outcome that was asked for: it does not carry the person."""
        try:
            answer = await ports.research.call("GET", f"/users/{user.id}/people/{person_id}")
        except Problem as problem:
            raise outcome_unknown(
                "The request was accepted, but the person cannot be shown now. "
                f"Look at /api/deep-research/people/{person_id}.",
                runId=run_id,
                personId=person_id,
            ) from problem
        if answer.status_code == 404:
            raise not_found("person any more: it was deleted meanwhile")
        person: dict[str, Any] = answer.raise_for_status().json()["person"]
        return person

    @router.post("/people/{person_id}/run")
    async def run(
        person_id: PersonId, user: UserCaller, trace: Trace, refresh: bool = False
    ) -> dict[str, Any]:
        """Researches a person. Queued, not finished, when this answers."""
        reply = await start(user, person_id.lower(), trace, refresh=refresh)
        return {"success": True, "runId": reply.run_id}

    @router.post("/people", status_code=201)
    async def add(body: AddPerson, user: UserCaller, trace: Trace) -> dict[str, Any]:
        """Adds a person and researches them at once."""
        person_id = str(uuid4())
        new = NewPerson(**body.model_dump())
        reply = await start(user, person_id, trace, refresh=False, new=new)
        person = reply.person or await read_person(user, person_id, reply.run_id)
        return {"person": person, "runId": reply.run_id}

    @router.get("/people")
    async def people(user: UserCaller, limit: Limit = 50, cursor: Cursor = None) -> Response:
        """The user's people, newest first."""
        path = f"/users/{user.id}/people"
        return await ports.research.read(path, "user", limit=limit, cursor=cursor)

    @router.get("/people/{person_id}")
    async def person(person_id: PersonId, user: UserCaller) -> Response:
        """One person."""
        return await ports.research.read(f"/users/{user.id}/people/{person_id.lower()}", "person")

    @router.delete("/people/{person_id}")
    async def delete(person_id: PersonId, user: UserCaller) -> dict[str, Any]:
        """Deletes a person with their reports and sources; cancels a run under way."""
        path = f"/users/{user.id}/people/{person_id.lower()}"
        answer = await ports.research.change(
            "DELETE",
            path,
            "The deletion was sent, but not confirmed. "
            f"Look whether /api/deep-research/people/{person_id} is still there.",
            personId=person_id,
        )
        if answer.status_code == 404:
            raise not_found("person")
        answer.raise_for_status()
        return {"success": True}

    @router.get("/people/{person_id}/report")
    async def report(person_id: PersonId, user: UserCaller) -> Response:
        """The newest report on a person, or null."""
        path = f"/users/{user.id}/people/{person_id.lower()}/report"
        return await ports.research.read(path, "person")

    @router.get("/people/{person_id}/reports")
    async def reports(person_id: PersonId, user: UserCaller) -> Response:
        """All reports on a person, newest first."""
        path = f"/users/{user.id}/people/{person_id.lower()}/reports"
        return await ports.research.read(path, "person")

    @router.get("/people/{person_id}/reports/{version}")
    async def report_version(
        person_id: PersonId,
        version: Annotated[int, Path(ge=1, le=MOST_VERSIONS)],
        user: UserCaller,
    ) -> Response:
        """One version of the report on a person."""
        path = f"/users/{user.id}/people/{person_id.lower()}/reports/{version}"
        return await ports.research.read(path, "report")

    @router.get("/runs/{run_id}")
    async def one_run(run_id: RunId, user: UserCaller) -> Response:
        """How a run stands: its step, its sources, and what it cost."""
        return await ports.research.read(f"/users/{user.id}/runs/{run_id}", "run")

    return router
