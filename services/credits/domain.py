"""The ledger's rules: what a command does to an account and to the hold of a run.

A hold moves `held → charged → refunded` or `held → voided`, or is `declined` from
the start. A return that comes before its hold leaves a voided hold of nothing (a
tombstone), so that the hold, when it comes, holds nothing. Hence holds, captures
and returns may come in any order and any number of times.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from libs.contracts.credits import (
    Action,
    CreditCaptureRequested,
    CreditCharged,
    CreditEvent,
    CreditHeld,
    CreditHoldDeclined,
    CreditHoldRequested,
    CreditRefunded,
    CreditReturnRequested,
    CreditVoided,
)
from libs.messaging.errors import Poison

GRANTS = "@grants"
"""The system account that granted credits come from."""
REVENUE = "@revenue"
"""The system account that charges go to."""


class HoldState(StrEnum):
    """What became of a run's credits."""

    HELD = "held"
    CHARGED = "charged"
    VOIDED = "voided"
    REFUNDED = "refunded"
    DECLINED = "declined"


class EntryKind(StrEnum):
    """Why credits moved."""

    GRANT = "grant"
    CHARGE = "charge"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Account:
    """`posted` is the sum of the account's entries, `held` that of its open holds."""

    id: str
    posted: int = 0
    held: int = 0

    @property
    def balance(self) -> int:
        """What can be spent now."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class Hold:
    """The credits of one run. `amount` is its price; a tombstone's is 0."""

    run_id: str
    account_id: str
    amount: int
    state: HoldState


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount` credits from one account to another, once per `id`. `posted_after` is the user's."""

    id: str
    source: str
    destination: str
    amount: int
    kind: EntryKind
    run_id: str | None
    reason: str | None
    posted_after: int


Command = CreditHoldRequested | CreditCaptureRequested | CreditReturnRequested

_EVENT_OF: dict[HoldState, type[CreditEvent]] = {
    HoldState.HELD: CreditHeld,
    HoldState.CHARGED: CreditCharged,
    HoldState.VOIDED: CreditVoided,
    HoldState.REFUNDED: CreditRefunded,
    HoldState.DECLINED: CreditHoldDeclined,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command leaves behind: account and hold as they are now, a transfer, an answer."""

    account: Account
    hold: Hold | None
    transfer: Transfer | None = None

    @property
    def answer(self) -> CreditEvent | None:
        """The event that says what became of the run's credits; a repeat gets it again."""
        if self.hold is None:
            return None
        return _EVENT_OF[self.hold.state](
            run_id=self.hold.run_id,
            account_id=self.account.id,
            amount=self.hold.amount,
            balance=self.account.balance,
        )


def decide(
    command: Command, account: Account, hold: Hold | None, costs: dict[Action, int], now: datetime
) -> Decision:
    """What a command does.

    Raises:
        Poison: the run's hold is another account's, or the action has no price.
    """
    if hold is not None and hold.account_id != command.account_id:
        raise Poison(f"{command.run_id} belongs to another account")
    match command:
        case CreditHoldRequested():
            return _hold(command, account, hold, costs, now)
        case CreditCaptureRequested():
            return _capture(account, hold)
        case CreditReturnRequested():
            return _return(command, account, hold)


def _hold(
    command: CreditHoldRequested,
    account: Account,
    hold: Hold | None,
    costs: dict[Action, int],
    now: datetime,
) -> Decision:
    if hold is not None or command.not_after < now:
        return Decision(account, hold)
    if command.action not in costs:
        raise Poison(f"{command.action} is not in the price list")
    price = costs[command.action]
    if account.balance < price:
        return Decision(account, Hold(command.run_id, account.id, price, HoldState.DECLINED))
    return Decision(
        replace(account, held=account.held + price),
        Hold(command.run_id, account.id, price, HoldState.HELD),
    )


def _capture(account: Account, hold: Hold | None) -> Decision:
    # Without a hold there is nothing to post: its owner asks again until there is an answer.
    if hold is None or hold.state is not HoldState.HELD:
        return Decision(account, hold)
    after = replace(account, posted=account.posted - hold.amount, held=account.held - hold.amount)
    return Decision(
        after,
        replace(hold, state=HoldState.CHARGED),
        _transfer(hold, EntryKind.CHARGE, account.id, REVENUE, after),
    )


def _return(command: CreditReturnRequested, account: Account, hold: Hold | None) -> Decision:
    if hold is None:
        return Decision(account, Hold(command.run_id, account.id, 0, HoldState.VOIDED))
    if hold.state is HoldState.HELD:
        return Decision(
            replace(account, held=account.held - hold.amount),
            replace(hold, state=HoldState.VOIDED),
        )
    if hold.state is HoldState.CHARGED:
        after = replace(account, posted=account.posted + hold.amount)
        return Decision(
            after,
            replace(hold, state=HoldState.REFUNDED),
            _transfer(hold, EntryKind.REFUND, REVENUE, account.id, after, command.reason),
        )
    return Decision(account, hold)


def _transfer(
    hold: Hold,
    kind: EntryKind,
    source: str,
    destination: str,
    after: Account,
    reason: str | None = None,
) -> Transfer:
    return Transfer(
        f"{hold.run_id}:{kind}",
        source,
        destination,
        hold.amount,
        kind,
        hold.run_id,
        reason,
        after.posted,
    )


def grant(account: Account, grant_id: str, amount: int, reason: str) -> Decision:
    """Adds credits to an account."""
    after = replace(account, posted=account.posted + amount)
    return Decision(
        after,
        None,
        Transfer(
            grant_id,
            GRANTS,
            account.id,
            amount,
            EntryKind.GRANT,
            None,
            reason,
            after.posted,
        ),
    )
