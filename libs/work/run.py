"""What a run is: its states, its lease, and the transitions that every kind of run has.

    holding ──► dispatching ──► queued ◄──► working ──► complete | failed
       │             │             └───────────┴──────► failed | cancelled
       ▼             ▼
    rejected    rolled_back

A transition answers the run as it is afterwards, or None where it does not apply;
the caller holds the run's row lock. No I/O and no clock here.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from libs.contracts.envelope import ReplyAddress
from libs.contracts.gateway import Reply


class RunState(StrEnum):
    """Where a run is."""

    HOLDING = "holding"
    """Credits were asked to hold its price."""
    DISPATCHING = "dispatching"
    """Its task is on the way to Kafka."""
    QUEUED = "queued"
    """A worker may claim it."""
    WORKING = "working"
    """A worker holds its lease."""
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    """It never started."""
    ROLLED_BACK = "rolled_back"
    """It was undone before it was queued."""


OPEN = frozenset({RunState.HOLDING, RunState.DISPATCHING, RunState.QUEUED, RunState.WORKING})


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as its row has it. `due_at` is when the reaper must look at it, if ever."""

    id: str
    user_id: str
    state: RunState
    created_at: datetime
    traceparent: str
    due_at: datetime | None = None
    step: str | None = None
    attempt: int = 0
    token: str | None = None
    worker: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    reply_partition: int | None = None
    reply_correlation_id: str | None = None
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN

    def reply(self) -> Reply | None:
        """The recorded outcome of the request, or None while it is undecided."""
        raise NotImplementedError

    @property
    def reply_to(self) -> ReplyAddress | None:
        """Where the caller of the request waits, or waited."""
        if self.reply_partition is None or self.reply_correlation_id is None:
            return None
        return ReplyAddress(
            partition=self.reply_partition, correlation_id=self.reply_correlation_id
        )

    def replying_to(self, address: ReplyAddress | None) -> Self:
        """The same run with its outcome addressed to whoever asked last."""
        if address is None:
            return self
        return replace(
            self,
            reply_partition=address.partition,
            reply_correlation_id=address.correlation_id,
        )

    def dispatched(self, due_at: datetime) -> Self | None:
        """`dispatching → queued`: Kafka has acknowledged the task."""
        if self.state is not RunState.DISPATCHING:
            return None
        return replace(self, state=RunState.QUEUED, due_at=due_at)

    def claimed(self, *, token: str, worker: str, lease_until: datetime) -> Self | None:
        """`queued → working`: a worker gets the lease, under a fresh fencing token."""
        if self.state is not RunState.QUEUED:
            return None
        return replace(
            self,
            state=RunState.WORKING,
            token=token,
            worker=worker,
            attempt=self.attempt + 1,
            step=None,
            due_at=lease_until,
        )

    def leased_by(self, token: str) -> bool:
        """Whether messages with this token count."""
        return self.state is RunState.WORKING and self.token == token

    def requeued(self, due_at: datetime) -> Self | None:
        """`working → queued`: the attempt is over, another one may start."""
        if self.state is not RunState.WORKING:
            return None
        return replace(self, state=RunState.QUEUED, token=None, worker=None, due_at=due_at)

    def ended(
        self,
        state: RunState,
        now: datetime,
        *,
        due_at: datetime | None = None,
        error: "RunError | None" = None,
    ) -> Self | None:
        """Any open state to an ended one. `due_at`: when to ask for a missing settlement."""
        if not self.open:
            return None
        return replace(
            self,
            state=state,
            token=None,
            ended_at=now,
            due_at=due_at,
            error_code=error.code if error else None,
            error_message=error.message if error else None,
        )


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run ended without a result: a stable code, and a sentence for people."""

    code: str
    message: str
