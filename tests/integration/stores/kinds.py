"""The kinds of runs: what the suite of runs needs to know of each."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from libs.contracts.gateway import Outcome
from libs.contracts.sources import Source
from libs.messaging.unit import Transaction
from libs.work.run import Run, RunState
from services.research.domain import PersonStatus, Settlement
from tests.integration.stores.rows import at, context_run, person, profile, research_run
from tests.integration.stores.stage import Stage


class RunsStore(Protocol):
    """What every store of runs answers. See `libs.work.store.RunStore`."""

    async def lock_runs(self, ids: Collection[str], *, to_end: bool = False) -> dict[str, Any]: ...
    async def run(self, run_id: str) -> Any: ...
    async def insert_runs(self, runs: Iterable[Any]) -> None: ...
    async def save_runs(self, runs: Iterable[Any]) -> None: ...
    async def heartbeat(self, run_id: str, token: str, lease_until: datetime) -> bool: ...
    async def overdue(self, now: datetime, most: int) -> list[str]: ...
    async def record_source(self, run_id: str, source: Source) -> None: ...
    async def sources(self, run_id: str) -> list[dict[str, Any]]: ...
    async def source_texts(self, run_id: str) -> dict[str, str]: ...


CHANGED: dict[str, Any] = {
    "state": RunState.FAILED,
    "due_at": at(1),
    "step": "reading",
    "attempt": 3,
    "token": "tökén",
    "worker": "worker-1",
    "error_code": "code",
    "error_message": "A sentence.",
    "reply_partition": 7,
    "reply_correlation_id": "correlation",
    "ended_at": at(2),
}
"""Another value for each column of every run that can change."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`make(id, subject, **changes)` makes a run."""

    make: Callable[..., Any]
    changed: dict[str, Any]
    kept: dict[str, Any]
    """Values for the columns that a run is inserted with and keeps."""
    add_subject: Callable[[Any, str], Any]
    lock_subject: Callable[[Any, str], Any]


KINDS = {
    "research": Kind(
        make=research_run,
        changed=CHANGED
        | {
            "settlement": Settlement.REFUNDED,
            "price": 2,
            "balance": 1,
            "rejected_as": Outcome.PAYMENT_REQUIRED,
            "report_version": 4,
        },
        kept={
            "refresh": True,
            "creates_person": True,
            "prior_status": PersonStatus.FAILED,
            "current_run_id": "run_0",
        },
        add_subject=lambda store, id_: store.insert_people([person(id_)]),
        lock_subject=lambda store, id_: store.lock_people([id_]),
    ),
    "context": Kind(
        make=context_run,
        changed=CHANGED | {"rejected_as": Outcome.WINDOW_CLOSED},
        kept={
            "website": "https://example.com",
            "linkedin_url": "https://www.linkedin.com/in/ada",
            "company_linkedin_url": "https://www.linkedin.com/company/example",
            "freeform": "Our own words.",
            "stamp": at(-1),
            "prior_stamp": at(-2),
            "prior_freeform": "Older words.",
            "creates_profile": True,
            "next_available_at": at(60),
        },
        add_subject=lambda store, id_: store.save_profile(profile(id_)),
        lock_subject=lambda store, id_: store.lock_profiles([id_]),
    ),
}


@dataclass(frozen=True, slots=True)
class Runs:
    """The stage of a service that has runs."""

    stage: Stage[RunsStore]
    kind: Kind

    async def have(self, *runs: Run) -> None:
        """Commits runs."""
        await self.stage.run(lambda tx: tx.store.insert_runs(runs))

    async def read(self, run_id: str) -> Any:
        """A run as it is committed."""
        return await self.stage.run(lambda tx: tx.store.run(run_id))

    async def lock(self, tx: Transaction[RunsStore], run_id: str) -> Any:
        return (await tx.store.lock_runs([run_id]))[run_id]
