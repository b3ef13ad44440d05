"""What programs on the ledger are made of: commands, crashes, and a bus that may fail."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import hypothesis.strategies as st

from libs.contracts.credits import (
    Action,
    CreditCaptureRequested,
    CreditHoldRequested,
    CreditReturnRequested,
)
from libs.messaging.bus import Ack, Outgoing
from libs.messaging.testing import Crash
from tests.integration.credits.credits_kit import DEAD_LETTERS, Kill
from tests.integration.credits.model import Command
from tests.support.memory import MemoryBus

OWNERS = {"run_1": "ada", "run_2": "ada", "run_3": "bob", "run_4": "bob", "run_5": "cleo"}
ACCOUNTS = ("ada", "bob", "cleo")


class Ask(NamedTuple):
    """A command to send; a hold counts until `valid_s` from then."""

    what: str
    run: str
    account: str
    valid_s: int = 5

    def command(self, now: datetime) -> Command:
        common = {"run_id": self.run, "account_id": self.account}
        if self.what == "capture":
            return CreditCaptureRequested(**common)
        if self.what == "return":
            return CreditReturnRequested(**common, reason="test")
        not_after = now + timedelta(seconds=self.valid_s)
        return CreditHoldRequested(**common, action=Action.DEEP_RESEARCH, not_after=not_after)


class FailingBus(MemoryBus):
    """Does to events what `fate` says; dead letters always get through."""

    def __init__(self) -> None:
        super().__init__()
        self.fate = "acknowledged"
        self.answer = self._decide

    def _decide(self, message: Outgoing) -> Ack:
        if message.topic == DEAD_LETTERS:
            return Ack.ACKNOWLEDGED
        if self.fate == "broken":
            raise ConnectionError("no broker")
        return {"refused": Ack.REFUSED, "unknown": Ack.UNKNOWN}.get(self.fate, Ack.ACKNOWLEDGED)

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]:
        acks = await super().publish(messages)
        if self.fate == "killed":
            raise Crash("after publish")
        return acks


fates = st.sampled_from(["acknowledged", "refused", "unknown", "broken", "killed"])
"""Of events; "killed" is published, and then the process dies."""
kills = st.none() | st.builds(Kill, st.sampled_from(["before", "after"]), st.integers(1, 2))
accounts = st.sampled_from(ACCOUNTS)
runs = st.sampled_from(sorted(OWNERS))
kinds = st.sampled_from(["hold", "hold", "capture", "return"])
valid_s = st.sampled_from([5, 0, -1])
own = st.builds(lambda what, run, s: Ask(what, run, OWNERS[run], s), kinds, runs, valid_s)
foreign = st.builds(Ask, kinds, runs, accounts, valid_s)
asks = st.lists(st.one_of(own, own, own, foreign), min_size=1, max_size=6)
