"""The ledger's rules, without a database."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from libs.contracts.credits import (
    Action,
    CreditCaptureRequested,
    CreditCharged,
    CreditHeld,
    CreditHoldDeclined,
    CreditHoldRequested,
    CreditRefunded,
    CreditReturnRequested,
    CreditVoided,
)
from libs.messaging.errors import Poison
from services.credits.domain import Account, Command, Decision, Hold, HoldState, decide, grant

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COSTS = {Action.DEEP_RESEARCH: 3}
HOLD = CreditHoldRequested(
    run_id="run_1",
    account_id="ada",
    action=Action.DEEP_RESEARCH,
    not_after=NOW + timedelta(seconds=1),
)
CAPTURE = CreditCaptureRequested(run_id="run_1", account_id="ada")
RETURN = CreditReturnRequested(run_id="run_1", account_id="ada", reason="failed")


def after(*commands: Command, posted: int = 10) -> Decision:
    """What a sequence of commands comes to."""
    decision = Decision(Account("ada", posted=posted), None)
    for command in commands:
        decision = decide(command, decision.account, decision.hold, COSTS, NOW)
    return decision


def test_a_hold_sets_the_price_aside() -> None:
    decision = after(HOLD)
    assert (decision.account.posted, decision.account.held, decision.account.balance) == (10, 3, 7)
    assert isinstance(decision.answer, CreditHeld)
    assert decision.transfer is None


def test_a_capture_posts_the_hold() -> None:
    decision = after(HOLD, CAPTURE)
    assert (decision.account.posted, decision.account.held) == (7, 0)
    assert isinstance(decision.answer, CreditCharged)
    assert decision.transfer is not None and decision.transfer.amount == 3


def test_a_return_voids_a_hold_and_refunds_a_charge() -> None:
    voided, refunded = after(HOLD, RETURN), after(HOLD, CAPTURE, RETURN)
    assert voided.account == refunded.account == Account("ada", posted=10, held=0)
    assert isinstance(voided.answer, CreditVoided) and voided.transfer is None
    assert isinstance(refunded.answer, CreditRefunded) and refunded.transfer is not None


def test_a_balance_that_is_too_small_declines() -> None:
    decision = after(HOLD, posted=2)
    assert decision.account == Account("ada", posted=2)
    assert isinstance(decision.answer, CreditHoldDeclined)
    assert (decision.answer.amount, decision.answer.balance) == (3, 2)


def test_a_decline_is_remembered_when_credits_come_later() -> None:
    declined = after(HOLD, posted=2)
    rich = Account("ada", posted=100)
    assert decide(HOLD, rich, declined.hold, COSTS, NOW).account == rich


def test_a_return_before_its_hold_keeps_the_hold_out() -> None:
    decision = after(RETURN, HOLD)
    assert decision.account == Account("ada", posted=10)
    assert decision.hold == Hold("run_1", "ada", 0, HoldState.VOIDED)
    assert isinstance(decision.answer, CreditVoided)


def test_a_capture_without_a_hold_is_not_answered() -> None:
    assert after(CAPTURE).answer is None


def test_an_expired_hold_does_nothing() -> None:
    expired = HOLD.model_copy(update={"not_after": NOW - timedelta(seconds=1)})
    decision = after(expired)
    assert decision.hold is None and decision.answer is None


@pytest.mark.parametrize("commands", list(itertools.product([HOLD, CAPTURE, RETURN], repeat=5)))
def test_in_any_order_and_number_credits_move_at_most_once(commands: tuple[Command, ...]) -> None:
    account, hold = Account("ada", posted=10), None
    kinds = []
    for command in commands:
        decision = decide(command, account, hold, COSTS, NOW)
        account, hold = decision.account, decision.hold
        if decision.transfer:
            kinds.append(decision.transfer.kind)
        assert account.balance >= 0 and account.held >= 0
    assert kinds in ([], ["charge"], ["charge", "refund"])
    if RETURN in commands:
        assert account == Account("ada", posted=10)


def test_another_accounts_hold_is_poison() -> None:
    with pytest.raises(Poison, match="another account"):
        decide(CAPTURE, Account("ada"), Hold("run_1", "eve", 1, HoldState.HELD), COSTS, NOW)


def test_an_action_without_a_price_is_poison() -> None:
    with pytest.raises(Poison, match="price list"):
        decide(HOLD, Account("ada", posted=10), None, {}, NOW)


def test_a_grant_comes_from_somewhere() -> None:
    decision = grant(Account("ada", posted=1), "grant_1", 5, "welcome")
    assert decision.account.balance == 6
    assert decision.transfer is not None
    assert (decision.transfer.source, decision.transfer.destination) == ("@grants", "ada")
