"""Credits: what can be spent, what things cost, what was spent."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.gateway.identity import UserCaller
from services.gateway.ports import Ports


def create_router(ports: Ports) -> APIRouter:
    router = APIRouter(prefix="/api/credits", tags=["credits"])

    @router.get("/balance")
    async def balance(user: UserCaller) -> Response:
        """What can be spent now, and what open runs hold."""
        return await ports.credits.read(f"/accounts/{user.id}/balance", "account")

    @router.get("/config")
    async def config(_user: UserCaller) -> Response:
        """The price list."""
        return await ports.credits.read("/config", "price list")

    @router.get("/ledger")
    async def ledger(
        user: UserCaller,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> Response:
        """Every entry, newest first, and the holds that are open."""
        path = f"/accounts/{user.id}/ledger"
        return await ports.credits.read(path, "account", limit=limit, cursor=cursor)

    return router
