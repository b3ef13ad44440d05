"""Dead letters on the wire: how one is made of a message, and the message of it again.

A dead letter is a record of the topic `<topic>.dead` with the message's key, headers and
body, and with headers of its own. A record there with the header `dead_replayed` is no
letter but a mark: the letter that it names was replayed.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from libs.contracts.topics import dead_letters
from libs.messaging.bus import Incoming, Outgoing

OWN = "dead_"
"""What the headers begin with that a dead letter adds to those of the message."""
REASON = "dead_reason"
ORIGIN = "dead_origin"
CUT = "dead_cut"
"""The bytes of a body that was too large to keep; the letter has none, and short headers."""
REPLAYED = "dead_replayed"
REPLAYED_FROM = "replayed_from"
"""On a message that was replayed: the dead letter that it comes from."""
NAMING = ("ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", REASON, ORIGIN)
"""The headers that a letter keeps if it is too large."""
SHORT = 200
"""Characters of a key or a header that fit for certain."""


class NotReplayable(Exception):
    """A dead letter does not say what its message was; the text says why."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands; the id of a dead letter."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Reads what `str` wrote.

        Raises:
            ValueError: it is no place.
        """
        topic, partition, offset = text.split("/")
        return cls(topic, int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that its consumer could not handle, `at` the time of its death."""

    place: Place
    at: datetime
    key: str
    headers: Mapping[str, str]
    value: bytes

    @property
    def type(self) -> str:
        return self.headers.get("ce_type", "")

    @property
    def reason(self) -> str:
        return self.headers.get(REASON, "")

    @property
    def origin(self) -> str:
        """The place where the message stands, as text."""
        return self.headers.get(ORIGIN, "")

    @property
    def identity(self) -> tuple[str, str]:
        """The same for all letters of one message: it is buried twice if a consumer dies then."""
        return self.origin, self.headers.get("ce_id", "")

    def message(self) -> Outgoing:
        """The message as it was, to be published again.

        Raises:
            NotReplayable: its body was not kept, or its origin is not known.
        """
        if CUT in self.headers:
            raise NotReplayable(
                f"Its body of {self.headers[CUT]} bytes was too large to keep. It stands at "
                f"{self.origin} for as long as that topic keeps messages."
            )
        topic = self.origin.split("/")[0]
        if dead_letters(topic) != self.place.topic:
            raise NotReplayable(f"Its origin {self.origin!r} is of another topic.")
        headers = _message_headers(self.headers) | {REPLAYED_FROM: str(self.place)}
        return Outgoing(
            id=self.headers.get("ce_id", ""),
            type=self.type,
            topic=topic,
            key=self.key,
            headers=headers,
            value=self.value,
            created_at=self.at,
            durable=False,
        )

    def mark(self) -> Outgoing:
        """The record that says that this letter was replayed."""
        return Outgoing(
            id="",
            type="",
            topic=self.place.topic,
            key=self.key,
            headers={REPLAYED: str(self.place)},
            value=b"",
            created_at=self.at,
            partition=self.place.partition,
            durable=False,
        )


def letter_of(incoming: Incoming, reason: str, now: datetime) -> Outgoing:
    """The dead letter of a message."""
    origin = Place(incoming.topic, incoming.partition, incoming.offset)
    own = {REASON: reason, ORIGIN: str(origin)}
    return Outgoing(
        id="",
        type="",
        topic=dead_letters(incoming.topic),
        key=incoming.key,
        headers=_message_headers(incoming.headers) | own,
        value=incoming.value,
        created_at=now,
        durable=False,
    )


def shortened(letter: Outgoing) -> Outgoing:
    """The same letter for a broker that finds it too large: what names the message is left."""
    kept = {name: letter.headers[name][:SHORT] for name in NAMING if name in letter.headers}
    headers = kept | {CUT: str(len(letter.value))}
    return replace(letter, key=letter.key[:SHORT], headers=headers, value=b"")


def read(record: Incoming, at: datetime) -> DeadLetter | Place:
    """A record of a dead letter topic: a letter, or the place of one that was replayed."""
    place = Place(record.topic, record.partition, record.offset)
    with contextlib.suppress(KeyError, ValueError):
        marked = Place.parse(record.headers[REPLAYED])
        if (marked.topic, marked.partition) == (place.topic, place.partition) and marked < place:
            return marked
    return DeadLetter(place, at, record.key, record.headers, record.value)


def _message_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if not name.startswith(OWN)}
