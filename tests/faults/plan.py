"""What goes wrong, and when: decided by a seed alone."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

POSTGRES = "postgres"
BROKER = "broker"
NEIGHBOURS: Mapping[str, tuple[str, ...]] = {
    "credits": (POSTGRES, BROKER),
    "context": (POSTGRES, BROKER),
    "research": (POSTGRES, BROKER),
    "gateway": (POSTGRES, BROKER, "context", "research", "credits"),
    "context-worker": (BROKER, "context"),
    "research-worker": (BROKER, "research"),
}
"""Whom each process of ours connects to."""
PROCESSES = (*NEIGHBOURS, BROKER, POSTGRES)

FAULTS_AT_ONCE = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4)
"""Mostly one, often two, sometimes a burst."""
BURST_S = 3.0
"""The faults of an incident begin within this time."""
CALM_S = (4.0, 11.0)
"""Between the end of an incident and the next: the system works in between, though not always
long enough to have recovered."""
LASTS_S = (1.0, 15.0)
"""Short ones are more frequent: after them, what was given up meanwhile still arrives in time."""
KILLS_OF_TEN = 6


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """The connections of one process to another."""

    process: str
    target: str


LINKS = tuple(Link(process, target) for process in NEIGHBOURS for target in NEIGHBOURS[process])


class Kind(StrEnum):
    """What happens to a process."""

    KILL = "kill"
    PAUSE = "pause"
    SEVER = "sever"
    """Isolated: connections are reset, and new ones too."""
    STALL = "stall"
    """Isolated: nothing gets through; what was sent arrives when it is over."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to a process. Times are in seconds; `at_s` from the start.

    `links` are those that are cut when a process is isolated.
    """

    at_s: float
    kind: Kind
    process: str
    lasts_s: float = 0.0
    links: tuple[Link, ...] = ()

    @property
    def ends_s(self) -> float:
        return self.at_s + self.lasts_s

    def __str__(self) -> str:
        if self.kind is Kind.KILL:
            return f"kill {self.process}"
        one = f" from {self.links[0].target}" if len(self.links) == 1 else ""
        return f"{self.kind} {self.process}{one} for {self.lasts_s:.1f} s"


def plan(seed: int, duration_s: float) -> tuple[Fault, ...]:
    """The faults of a run, in order; all are over when `duration_s` is."""
    return tuple(sorted(_faults(random.Random(seed), duration_s), key=lambda fault: fault.at_s))


def _faults(chance: random.Random, duration_s: float) -> Iterator[Fault]:
    at_s = chance.uniform(*CALM_S)
    while at_s < duration_s:
        hit = chance.sample(PROCESSES, chance.choice(FAULTS_AT_ONCE))
        starts = [at_s, *(at_s + chance.uniform(0, BURST_S) for _ in hit[1:])]
        incident = [
            _fault(chance, process, start) for process, start in zip(hit, starts, strict=True)
        ]
        yield from (fault for fault in incident if fault.ends_s <= duration_s)
        at_s = max(fault.ends_s for fault in incident) + chance.uniform(*CALM_S)


def _fault(chance: random.Random, process: str, at_s: float) -> Fault:
    if chance.randrange(10) < KILLS_OF_TEN:
        return Fault(at_s, Kind.KILL, process)
    kind = chance.choice((Kind.PAUSE, Kind.SEVER, Kind.STALL))
    shortest_s, longest_s = LASTS_S
    lasts_s = shortest_s * (longest_s / shortest_s) ** chance.random()
    if kind is Kind.PAUSE:
        return Fault(at_s, kind, process, lasts_s)
    touching = tuple(link for link in LINKS if process in (link.process, link.target))
    out = [link for link in touching if link.process == process]
    links = (chance.choice(out),) if out and chance.random() < 0.5 else touching
    return Fault(at_s, kind, process, lasts_s, links)
