"""How often a message is tried, and how long is waited in between."""

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from random import Random

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
TRIES = 5
"""How often a message that fails for no passing reason is tried before it is a dead letter."""
PASSING_TRIES = 30
"""The same for a passing reason (a deadlock, a lock, a timeout) with a database that answers:
about two minutes of pauses. Tries while the database is away are none."""
PASSING_S = 120.0
"""For how long one is tried: the pauses, and tries that may each wait for a timeout."""
GROUP_TRIES = 3
"""How often a group is tried for a passing reason before it is cut in two."""
GROUP_S = 5.0
"""For how long one is: what fails only after a timeout would fail slowly at each cut."""


class Failure(Enum):
    """What a failure says of the next try."""

    POISON = "poison"
    """The same work can never succeed."""
    LASTING = "lasting"
    """It will hardly succeed: an error of the handler, or a value that the schema refuses."""
    PASSING = "passing"
    """It may succeed: the database was away, or a lock was lost."""
    AWAY = "away"
    """It says nothing: the database answers, but its disk or its connections are used up."""


class Step(Enum):
    """What to do with a group that failed."""

    AGAIN = "again"
    SPLIT = "split"
    BURY = "bury"


class Retries:
    """The failures of one group, and what they call for."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._failures: Counter[Failure] = Counter()
        self._passing_s = 0.0
        self._last = Failure.AWAY, 0.0

    def failed(self, failure: Failure, took_s: float = 0.0) -> Step:
        """What to do after one more failure; `took_s` are the try and the pause before it.

        A single message is never split, a group never buried: its good messages are to be
        told from the bad one first.
        """
        self._last = failure, took_s
        if failure is Failure.AWAY:
            return Step.AGAIN
        self._failures[failure] += 1
        times = self._failures[failure]
        if failure is Failure.PASSING:
            self._passing_s += took_s
        if self._messages > 1:
            patient = times < GROUP_TRIES and self._passing_s < GROUP_S
            return Step.AGAIN if failure is Failure.PASSING and patient else Step.SPLIT
        if failure is Failure.POISON:
            return Step.BURY
        if failure is Failure.PASSING:
            again = times < PASSING_TRIES and self._passing_s < PASSING_S
        else:
            again = times < TRIES
        return Step.AGAIN if again else Step.BURY

    def forgive(self) -> None:
        """Uncounts the last failure: it may be the fault of an outage that goes on."""
        failure, took_s = self._last
        self._failures[failure] -= 1
        if failure is Failure.PASSING:
            self._passing_s -= took_s


def pauses(seed: str) -> Iterator[float]:
    """Seconds to wait before each further try, without end: growing up to a bound.

    They differ with the seed, so that those who failed together do not meet again.
    """
    spread = Random(seed)  # noqa: S311 (it guards nothing)
    pause = FIRST_PAUSE_S
    while True:
        yield pause * spread.uniform(0.5, 1.0)
        pause = min(2 * pause, LONGEST_PAUSE_S)
