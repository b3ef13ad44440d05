"""What the ledger must do, written down a second time: in memory, one command after the other.

It takes the rules from the design, not from the service. A hold sets the price aside,
or is declined; a capture posts what is held; a return undoes whatever there is, and
leaves a tombstone where there is nothing. A run's decision is final, so that whatever
comes again is answered again. What names the run of another account is refused.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from libs.contracts.credits import (
    CreditCaptureRequested,
    CreditHoldRequested,
    CreditReturnRequested,
)

Command = CreditHoldRequested | CreditCaptureRequested | CreditReturnRequested


class Answer(NamedTuple):
    """An event: of a run, or of a grant under its id."""

    type: str
    of: str
    account: str
    amount: int
    balance: int


class Entry(NamedTuple):
    """Half of a transfer; `posted_after` is None for system accounts."""

    transfer: str
    account: str
    amount: int
    kind: str
    run: str | None
    posted_after: int | None


@dataclass
class Run:
    """What credits remembers of a run."""

    account: str
    amount: int
    state: str


class Seen(NamedTuple):
    """A ledger, as far as anybody outside can see it."""

    accounts: dict[str, tuple[int, int]]
    """What is posted and what is held; without empty accounts."""
    runs: dict[str, Run]
    entries: list[Entry]
    answers: Counter[Answer]
    """Every answer that was ever due."""
    refused: list[tuple[str, str]]
    """The run and the account of each refused command."""


ANSWERS = {
    "held": "CreditHeld",
    "declined": "CreditHoldDeclined",
    "charged": "CreditCharged",
    "voided": "CreditVoided",
    "refunded": "CreditRefunded",
}


@dataclass
class Ledger:
    """All accounts, and every answer that was ever due."""

    price: int
    posted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    runs: dict[str, Run] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def balance(self, account: str) -> int:
        return self.posted[account] - self.held[account]

    def grant(self, account: str, grant_id: str, amount: int) -> None:
        if all(entry.transfer != grant_id for entry in self.entries):
            self._move(grant_id, "@grants", account, amount, "grant")
            answer = Answer("CreditGranted", grant_id, account, amount, self.balance(account))
            self.answers.append(answer)

    def steps(self, batch: Sequence[Command], now: datetime) -> list["Ledger"]:
        """Where a process may be killed: before a batch, in it, and after it.

        A batch is one commit, unless a command of it is refused: it costs the others nothing.
        """
        steps = [self]
        for command in batch:
            step = deepcopy(steps[-1])
            step._take(command, now)
            steps.append(step)
        one_commit = steps[-1].refused == self.refused
        return [steps[0], steps[-1]] if one_commit else steps

    def seen(self) -> Seen:
        accounts = {id_: (self.posted[id_], self.held[id_]) for id_ in self.posted | self.held}
        return Seen(
            {id_: sums for id_, sums in accounts.items() if sums != (0, 0) and id_[0] != "@"},
            self.runs,
            self.entries,
            Counter(self.answers),
            self.refused,
        )

    def _take(self, command: Command, now: datetime) -> None:
        run = self.runs.get(command.run_id)
        if run is not None and run.account != command.account_id:
            self.refused.append((command.run_id, command.account_id))
        else:
            self._obey(command, run, now)

    def _obey(self, command: Command, run: Run | None, now: datetime) -> None:
        account = command.account_id
        match command, run:
            case CreditHoldRequested(not_after=last), None if now <= last:
                covered = self.balance(account) >= self.price
                run = Run(account, self.price, "held" if covered else "declined")
                self.held[account] += self.price if covered else 0
            case CreditCaptureRequested(), Run(state="held"):
                run.state = "charged"
                self.held[account] -= run.amount
                self._move(command.run_id, account, "@revenue", run.amount, "charge")
            case CreditReturnRequested(), None:
                run = Run(account, 0, "voided")
            case CreditReturnRequested(), Run(state="held"):
                run.state = "voided"
                self.held[account] -= run.amount
            case CreditReturnRequested(), Run(state="charged"):
                run.state = "refunded"
                self._move(command.run_id, "@revenue", account, run.amount, "refund")
        if run is not None:
            self.runs[command.run_id] = run
            self.answers.append(self._answer(command.run_id, run))

    def _answer(self, run_id: str, run: Run) -> Answer:
        balance = self.balance(run.account)
        return Answer(ANSWERS[run.state], run_id, run.account, run.amount, balance)

    def _move(self, id_: str, source: str, destination: str, amount: int, kind: str) -> None:
        transfer = id_ if kind == "grant" else f"{id_}:{kind}"
        run: Any = None if kind == "grant" else id_
        for account, change in ((source, -amount), (destination, amount)):
            self.posted[account] += change
            after = None if account.startswith("@") else self.posted[account]
            self.entries.append(Entry(transfer, account, change, kind, run, after))
