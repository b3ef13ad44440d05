"""The service's whole inbound contract: commands on holds, and grants."""

from collections.abc import Sequence
from functools import partial

from libs.contracts.credits import (
    Action,
    CreditCaptureRequested,
    CreditGranted,
    CreditHoldRequested,
    CreditReturnRequested,
)
from libs.messaging.clock import Ids, new_traceparent
from libs.messaging.router import Received, Route
from libs.messaging.unit import Unit
from services.credits.domain import Account, Command, Hold, Transfer, decide, grant
from services.credits.ports import CreditsStore


def routes(costs: dict[Action, int]) -> list[Route[CreditsStore]]:
    """One handler takes all commands, so that a batch is one transaction in its own order."""
    return [
        Route(
            (CreditHoldRequested, CreditCaptureRequested, CreditReturnRequested),
            partial(settle, costs),
            once_by_key=True,
        )
    ]


async def settle(
    costs: dict[Action, int], unit: Unit[CreditsStore], batch: Sequence[Received[Command]]
) -> None:
    """Decides commands one after the other on locked accounts, and writes what changed."""
    commands = [received.message for received in batch]
    accounts = await unit.store.lock_accounts({command.account_id for command in commands})
    holds = await unit.store.holds({command.run_id for command in commands})
    changed_accounts: dict[str, Account] = {}
    changed_holds: dict[str, Hold] = {}
    transfers: list[Transfer] = []
    for received in batch:
        command = received.message
        account = accounts[command.account_id]
        decision = decide(command, account, holds.get(command.run_id), costs, unit.now)
        if decision.account != account:
            accounts[account.id] = changed_accounts[account.id] = decision.account
        if decision.hold and decision.hold != holds.get(command.run_id):
            holds[command.run_id] = changed_holds[command.run_id] = decision.hold
        if decision.transfer:
            transfers.append(decision.transfer)
        if decision.answer:
            unit.emit(decision.answer, trace=received.meta.traceparent)
    await unit.store.save(changed_accounts.values(), changed_holds.values(), transfers, unit.now)


async def grant_credits(
    unit: Unit[CreditsStore], ids: Ids, account_id: str, grant_id: str, amount: int, reason: str
) -> Account:
    """Adds credits, once per `grant_id`; answers the account as it is then."""
    accounts = await unit.store.lock_accounts({account_id})
    if await unit.store.transfer_exists(grant_id):
        return accounts[account_id]
    decision = grant(accounts[account_id], grant_id, amount, reason)
    assert decision.transfer is not None
    await unit.store.save([decision.account], [], [decision.transfer], unit.now)
    event = CreditGranted(
        grant_id=grant_id,
        account_id=account_id,
        amount=amount,
        balance=decision.account.balance,
        reason=reason,
    )
    unit.emit(event, trace=new_traceparent(ids))
    return decision.account
