"""The internal HTTP API: balance, prices, ledger and grants, in the public shapes."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from libs.contracts.credits import Action
from libs.messaging.clock import Ids
from libs.messaging.unit import Units
from services.credits import handlers
from services.credits.store import PostgresStore

NEWEST = 2**62
MOST_HOLDS = 200


class Grant(BaseModel):
    """Credits to add. A repeated `grant_id` adds nothing."""

    grant_id: str
    account_id: str
    amount: int = Field(gt=0, le=10**9)
    reason: str


def create_router(units: Units[PostgresStore], ids: Ids, costs: dict[Action, int]) -> APIRouter:
    router = APIRouter()

    @router.get("/accounts/{account_id}/balance")
    async def balance(account_id: str) -> dict[str, int]:
        async with units.begin() as unit:
            account = await unit.store.account(account_id)
        return {"balance": account.balance, "held": account.held}

    @router.get("/config")
    async def config() -> dict[str, Any]:
        return {"costs": costs}

    @router.get("/accounts/{account_id}/ledger")
    async def ledger(account_id: str, cursor: int = NEWEST, limit: int = 50) -> dict[str, Any]:
        async with units.begin() as unit:
            entries = await unit.store.ledger(account_id, cursor, limit + 1)
            holds = await unit.store.open_holds(account_id, MOST_HOLDS)
        page = entries[:limit]
        return {
            "entries": [
                {
                    "id": str(entry["id"]),
                    "transferId": entry["transfer_id"],
                    "amount": entry["amount"],
                    "kind": entry["kind"],
                    "runId": entry["run_id"],
                    "reason": entry["reason"],
                    "balanceAfter": entry["posted_after"],
                    "createdAt": entry["created_at"],
                }
                for entry in page
            ],
            "holds": [
                {"runId": h["run_id"], "amount": h["amount"], "createdAt": h["created_at"]}
                for h in holds
            ],
            "nextCursor": str(page[-1]["id"]) if len(entries) > limit else None,
        }

    @router.post("/grants")
    async def grants(grant: Grant) -> dict[str, int]:
        async with units.begin() as unit:
            account = await handlers.grant_credits(
                unit, ids, grant.account_id, grant.grant_id, grant.amount, grant.reason
            )
        return {"balance": account.balance, "held": account.held}

    return router
