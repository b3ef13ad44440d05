"""Messages of the credits service: holds, captures and returns, all under a run's id."""

from enum import StrEnum
from typing import ClassVar

from libs.contracts.envelope import Command, Message


class Action(StrEnum):
    """What can be paid for; the deployer's price list names a cost for each."""

    DEEP_RESEARCH = "DEEP_RESEARCH"


class CreditHoldRequested(Command):
    """Set aside the price of `action` on the account, once per run."""

    KEY: ClassVar[str] = "account_id"

    run_id: str
    account_id: str
    action: Action


class CreditCaptureRequested(Message):
    """Post the run's hold as its charge. Never expires: the run was dispatched."""

    KEY: ClassVar[str] = "account_id"

    run_id: str
    account_id: str


class CreditReturnRequested(Message):
    """Undo whatever the run holds or was charged. Never expires."""

    KEY: ClassVar[str] = "account_id"

    run_id: str
    account_id: str
    reason: str


class CreditEvent(Message):
    """What became of a run's credits. `balance` is what can be spent afterwards."""

    KEY: ClassVar[str] = "account_id"

    run_id: str
    account_id: str
    amount: int
    balance: int


class CreditHeld(CreditEvent):
    """The price is set aside."""


class CreditHoldDeclined(CreditEvent):
    """The balance does not cover the price; `amount` is what would have been required."""


class CreditCharged(CreditEvent):
    """The hold was captured."""


class CreditVoided(CreditEvent):
    """The hold was released, or there was none and none can come any more (`amount` 0)."""


class CreditRefunded(CreditEvent):
    """The charge was paid back."""


class CreditGranted(Message):
    """An administrator added credits."""

    KEY: ClassVar[str] = "account_id"

    grant_id: str
    account_id: str
    amount: int
    balance: int
    reason: str
