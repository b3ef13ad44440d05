"""How the processes of a running stack fare, by their `/readyz` and `/metrics`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local import system

ANSWER_TIMEOUT_S = 5.0
"""Longer than a process takes to say that its database hangs."""
OLDEST_UNSENT_S = 30.0
"""An unsent message as old as this is stuck: the relay tries every few seconds."""
OLDEST_HOLD_S = 60.0
"""A hold as old as this is stuck: the dispatch of its run decides it within seconds."""
STALLED_S = 30.0
"""A consumer that has handled none of what waits for so long is stuck."""

Totals = Mapping[str, float]
"""The sums of a process's metrics, by the names of their samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How one process fares. A figure that is none of its business, or not to be had, is None."""

    name: str
    answers: bool = False
    failing_checks: tuple[str, ...] = ()
    lag: int | None = None
    stalled_s: float = 0.0
    unsent: int | None = None
    oldest_unsent_s: float = 0.0
    open_holds: int | None = None
    oldest_hold_s: float = 0.0
    open_runs: int | None = None
    overdue_runs: int | None = None
    attempts: int | None = None
    commit_failures: int | None = None
    dead_letters: int | None = None

    @property
    def stalled(self) -> bool:
        """Whether messages wait that it does not handle. A busy worker lets tasks wait."""
        return self.stalled_s >= STALLED_S and not self.attempts

    @property
    def backed_up(self) -> bool:
        """Whether it does not get a message out."""
        return self.oldest_unsent_s >= OLDEST_UNSENT_S

    @property
    def hold_forgotten(self) -> bool:
        """Whether a hold is open that should long be charged or voided."""
        return self.oldest_hold_s >= OLDEST_HOLD_S

    @property
    def problems(self) -> list[str]:
        """What is wrong with it, if anything."""
        if not self.answers:
            return ["does not answer"]
        found = {
            f"is not ready: {', '.join(self.failing_checks)}": bool(self.failing_checks),
            f"has handled nothing for {self.stalled_s:.0f} s; messages that wait: {self.lag}": (
                self.stalled
            ),
            f"has an unsent message that is {self.oldest_unsent_s:.0f} s old": self.backed_up,
            f"has an open hold that is {self.oldest_hold_s:.0f} s old": self.hold_forgotten,
            f"has runs that are overdue: {self.overdue_runs}": bool(self.overdue_runs),
        }
        return [problem for problem, there in found.items() if there]


async def look(ports: Mapping[str, int]) -> list[Vitals]:
    """Asks all processes at once. `ports` are the folder's; one without a port does not answer."""
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_TIMEOUT_S) as http:
        return await asyncio.gather(
            *(_ask(http, process.name, ports.get(process.name)) for process in system.PROCESSES)
        )


async def _ask(http: httpx.AsyncClient, name: str, port: int | None) -> Vitals:
    if port is None:
        return Vitals(name=name)
    url = f"http://{system.HOST}:{port}"
    try:
        ready, metrics = await asyncio.gather(http.get(f"{url}/readyz"), http.get(f"{url}/metrics"))
        checks: dict[str, bool] = ready.json()["checks"]
        totals = totals_of(metrics.raise_for_status().text)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        # Gone, hung, or another program has the port by now.
        return Vitals(name=name)
    return vitals_of(name, checks, totals)


def totals_of(text: str) -> Totals:
    """Sums the metrics in Prometheus text over their labels.

    Raises:
        ValueError: it is none.
    """
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals


def vitals_of(name: str, checks: Mapping[str, bool], totals: Totals) -> Vitals:
    """Puts together what a process says of itself."""

    def count(metric: str) -> int | None:
        return int(totals[metric]) if metric in totals else None

    return Vitals(
        name=name,
        answers=True,
        failing_checks=tuple(check for check, passes in checks.items() if not passes),
        lag=count("dossier_consumer_lag"),
        stalled_s=totals.get("dossier_consumer_stalled_seconds", 0.0),
        unsent=count("dossier_outbox_rows"),
        oldest_unsent_s=totals.get("dossier_outbox_oldest_seconds", 0.0),
        open_holds=count("dossier_open_holds"),
        oldest_hold_s=totals.get("dossier_open_holds_oldest_seconds", 0.0),
        open_runs=count("dossier_open_runs"),
        overdue_runs=count("dossier_overdue_runs"),
        attempts=count("dossier_attempts_running"),
        commit_failures=count("dossier_offset_commit_failures_total"),
        # A counter with labels says nothing before it has counted.
        dead_letters=int(totals.get("dossier_dead_letters_total", 0)),
    )
