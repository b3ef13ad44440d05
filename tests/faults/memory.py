"""What users of the API remember: what they asked for, and what they were told."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from libs.messaging.clock import new_traceparent, random_ids

Json = dict[str, Any]

OUTCOME_UNKNOWN = 504


class Wish(StrEnum):
    """What a call asks for that changes something."""

    ADD = "add"
    RUN = "run"
    REGENERATE = "regenerate"
    DELETE = "delete"
    GRANT = "grant"


class Fate(StrEnum):
    """What a caller knows afterwards."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Told so, or never answered."""


@dataclass(kw_only=True)
class Call:
    """A call that changes something. Its trace is kept by the run that it makes.

    Times are of the event loop's clock. `text` is words that no other call has: a free text, or
    the reason of a grant.
    """

    wish: Wish
    user_id: str
    sent_s: float
    sent: bool = True
    """False: there was nobody to send it to."""
    person_id: str | None = None
    text: str = ""
    amount: int = 0
    trace: str = field(default_factory=lambda: new_traceparent(random_ids))
    ended_s: float | None = None
    status: int | None = None
    """None: the connection was lost, or there was no answer in time."""
    body: Json = field(default_factory=dict)

    @property
    def fate(self) -> Fate:
        if not self.sent:
            return Fate.REFUSED
        if self.status is None or self.status == OUTCOME_UNKNOWN:
            return Fate.UNKNOWN
        return Fate.ACCEPTED if self.status < 300 else Fate.REFUSED

    @property
    def run_id(self) -> str | None:
        """The run that the answer names."""
        return self.body.get("runId")

    def __str__(self) -> str:
        about = self.person_id or self.text
        answer = self.status or ("no answer" if self.sent else "not sent")
        return f"{self.wish} {about} of {self.user_id}: {answer}, trace {self.trace.split('-')[1]}"


@dataclass
class KnownPerson:
    """A person whose adding was accepted."""

    id: str
    delete_sent: bool = False
    version: int = 0
    """The newest report that was seen."""

    @property
    def stays(self) -> bool:
        """Whether nobody has asked for their deletion."""
        return not self.delete_sent


@dataclass
class Tenant:
    """A user, and all that they have seen. `poor` ones are short of credits."""

    user_id: str
    key: str
    poor: bool = False
    calls: list[Call] = field(default_factory=list)
    people: dict[str, KnownPerson] = field(default_factory=dict)
    research_runs: set[str] = field(default_factory=set)
    context_runs: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    """Fields of the context that had a text when they were read."""

    def of(self, *wishes: Wish, fate: Fate | None = None) -> list[Call]:
        """The calls for such wishes, all or those of one fate."""
        return [c for c in self.calls if c.wish in wishes and fate in (None, c.fate)]

    def staying(self) -> list[str]:
        """The people that nobody has asked to delete."""
        return [person.id for person in self.people.values() if person.stays]


class Findings:
    """What must not be, each said at once: the statement that it breaks, and where to look."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.lines: list[str] = []
        self.statements: Counter[int] = Counter()

    def add(self, statement: int, what: str) -> None:
        line = f"VIOLATION of statement {statement}: {what}"
        self.statements[statement] += 1
        self.lines.append(line)
        self._say(line)
