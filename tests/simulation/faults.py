"""What may go wrong in a schedule, how often, and how often it did."""

from collections import Counter
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Odds:
    """Probabilities of faults: per message, per publish, per statement; and how many of each."""

    drop: float
    duplicate: float
    delay: float
    refuse: float
    unknown: float
    statement: float
    commit_unknown: float
    crashes: int
    pauses: int
    outages: int
    amnesia: int
    """How often the broker comes back empty."""


def odds(random: Random) -> Odds:
    """The odds of one schedule. Each kind is off in some, so that rare ones are not drowned."""

    def now_and_then(most: float) -> float:
        return random.choice((0.0, 0.0, 0.3, 1.0)) * most

    return Odds(
        drop=now_and_then(0.06),
        duplicate=now_and_then(0.15),
        delay=now_and_then(0.1),
        refuse=now_and_then(0.05),
        unknown=now_and_then(0.05),
        statement=now_and_then(0.004),
        commit_unknown=now_and_then(0.02),
        crashes=random.randint(1, 5),
        pauses=random.choice((0, 1, 2)),
        outages=random.choice((0, 0, 1, 2)),
        amnesia=random.choice((0, 0, 0, 1)),
    )


class Faults:
    """Decides what goes wrong, until it is told to stop."""

    def __init__(self, random: Random, odds: Odds) -> None:
        self.random = random
        self.odds = odds
        self.on = True
        self.counts: Counter[str] = Counter()

    def strike(self, kind: str, probability: float) -> bool:
        """Whether a fault of a kind happens now; counted if so."""
        if not self.on or probability <= 0.0 or self.random.random() >= probability:
            return False
        self.counts[kind] += 1
        return True
