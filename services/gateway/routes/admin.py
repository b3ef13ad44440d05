"""What administrators do: users, their keys, and credits."""

from typing import Any

from fastapi import APIRouter

from libs.messaging.clock import random_ids
from services.gateway.identity import AdminCaller
from services.gateway.keys import new_key
from services.gateway.ports import Ports
from services.gateway.problems import not_found
from services.gateway.schemas import AddUser, GrantCredits
from services.gateway.store import Kind, User

SHOWN_ONCE = "Keep this key safe: it is shown only now."


def create_router(ports: Ports) -> APIRouter:
    router = APIRouter(prefix="/api/admin", tags=["admin"])

    @router.post("/users", status_code=201)
    async def add_user(body: AddUser, _admin: AdminCaller) -> dict[str, Any]:
        """Adds a user or a partner."""
        user = User(f"usr_{random_ids()}", Kind(body.kind), body.email)
        await ports.store.add_user(user, ports.clock())
        return {"user": {"id": user.id, "kind": user.kind, "email": user.email}}

    @router.post("/users/{user_id}/api-keys", status_code=201)
    async def add_key(user_id: str, _admin: AdminCaller) -> dict[str, Any]:
        """Makes a key for a user."""
        key = new_key()
        if not await ports.store.add_key(user_id, key, ports.clock()):
            raise not_found("user")
        return {"api_key": key.secret, "prefix": key.prefix, "message": SHOWN_ONCE}

    @router.post("/credits/grants", status_code=201)
    async def grant(body: GrantCredits, _admin: AdminCaller) -> dict[str, Any]:
        """Adds credits to a user's account."""
        if not await ports.store.user_exists(body.user_id):
            raise not_found("user")
        grant_id = f"grant_{random_ids()}"
        grant = {
            "grant_id": grant_id,
            "account_id": body.user_id,
            "amount": body.amount,
            "reason": body.reason,
        }
        answer = await ports.credits.change(
            "POST",
            "/grants",
            "The grant was sent, but not confirmed. Look for it as transferId in the ledger.",
            json=grant,
            grantId=grant_id,
        )
        return {"grantId": grant_id, **answer.raise_for_status().json()}

    return router
