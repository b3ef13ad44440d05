"""How a worker and the owner of a run talk: a lease over HTTP, findings over Kafka.

The lease's `token` is a fencing token: it goes with every message of that
attempt, and the owner ignores messages that carry another one.
"""

from typing import ClassVar

from libs.contracts.envelope import Frozen, Message
from libs.contracts.sources import Source


class ClaimRequest(Frozen):
    """A worker asks for a lease on a run (`POST /internal/runs/{run_id}/claim`)."""

    worker: str


class Heartbeat(Frozen):
    """A worker is alive and wants its lease extended (`POST /internal/runs/{run_id}/heartbeat`)."""

    token: str


class HeartbeatAnswer(Frozen):
    """`stop` is set when the run has ended or the lease belongs to somebody else."""

    stop: bool


class Lease(Frozen):
    """A granted claim."""

    run_id: str
    token: str
    attempt: int
    lease_seconds: float
    traceparent: str


class WorkMessage(Message):
    """Something a worker found while it held the lease named by `token`."""

    KEY: ClassVar[str] = "run_id"

    run_id: str
    token: str


class StepStarted(WorkMessage):
    """The attempt entered a named step."""

    step: str


class SourceRecorded(WorkMessage):
    """The attempt tried to read a page; read pages carry their snapshot."""

    source: Source


HANDED_BACK = "handed_back"
"""The code of a failure that is no failure: the worker shut down, and the run waits anew."""


class WorkFailed(WorkMessage):
    """The attempt ended without a result.

    `retryable` asks for another attempt (a crashed browser); otherwise the run
    fails with `code` and `message`, which are shown to people.
    """

    code: str
    message: str
    retryable: bool = False
