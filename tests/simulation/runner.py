"""Runs many schedules over several processes, and adds up what came of them."""

import gc
import json
import multiprocessing
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

from tests.simulation.schedule import Result, Schedule

COLLECT_EVERY = 50
SILENT = 50
"""Above every level that the services log at."""


def quiet() -> None:
    """The services' logs are not wanted: they are written thousands of times a second."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(SILENT), cache_logger_on_first_use=True
    )
    # Coroutines of processes that died are never finished, and Python minds.
    sys.unraisablehook = lambda _unraisable: None
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited")
    gc.freeze()  # What is imported stays: no need to look at it ever again.


@dataclass
class Total:
    """What came of all schedules so far."""

    seeds: int = 0
    cpu_s: float = 0.0
    users: int = 0
    runs: int = 0
    messages: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: int = 0
    unended: int = 0
    unsettled: int = 0

    def add(self, result: Result, cpu_s: float) -> None:
        self.seeds += 1
        self.cpu_s += cpu_s
        self.users += result.users
        self.runs += result.runs
        self.messages += result.messages
        self.faults += result.faults
        self.outcomes += result.outcomes
        self.violations += len(result.violations)
        self.unended += result.unended
        self.unsettled += result.unsettled

    @property
    def failed(self) -> bool:
        """Whether anything was wrong, or nothing was done at all."""
        return bool(self.violations or self.unended or self.unsettled) or not self.runs

    @property
    def per_s(self) -> float:
        """Schedules a second on one core."""
        return self.seeds / self.cpu_s if self.cpu_s else 0.0

    def json(self) -> str:
        shown: dict[str, Any] = {
            "seeds": self.seeds,
            "schedules_per_s": round(self.per_s, 1),
            "users": self.users,
            "runs": self.runs,
            "messages": self.messages,
            "faults": dict(self.faults.most_common()),
            "outcomes": dict(self.outcomes.most_common()),
            "violations": self.violations,
            "unended": self.unended,
            "unsettled": self.unsettled,
        }
        return json.dumps(shown)


def results(first: int, count: int, jobs: int, *, liveness: bool) -> Iterator[tuple[Result, float]]:
    """The results of seeds from `first` on, as they come, each with its processor time."""
    tasks = [(seed, liveness) for seed in range(first, first + count)]
    if jobs == 1:
        quiet()
        yield from map(_one, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, initializer=quiet) as pool:
        yield from pool.imap_unordered(_one, tasks, chunksize=4)


_since_collected = 0


def _one(task: tuple[int, bool]) -> tuple[Result, float]:
    global _since_collected
    seed, liveness = task
    # A schedule is one large circle of garbage: it is swept now and then, not while it runs.
    gc.disable()
    began = time.process_time()
    result = Schedule(seed, liveness=liveness).run()
    _since_collected += 1
    if _since_collected >= COLLECT_EVERY:
        _since_collected = 0
        gc.collect()
    return result, time.process_time() - began


def replay(seed: int, write: Callable[[str], object], *, liveness: bool) -> Result:
    """Runs one schedule and writes its timeline."""
    quiet()
    return Schedule(seed, liveness=liveness, write=write).run()
