"""Reads the dead letters of a broker, and replays them.

There is no database about them: that a letter was replayed stands in its own topic, as a
mark behind it (see `letters.py`). All functions are bounded in time and memory, and raise
`BrokerAway` if the broker does not answer.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from heapq import heappush, heappushpop

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from libs.messaging import relay
from libs.messaging.bus import Ack, Outgoing
from libs.messaging.kafka import KafkaBus
from libs.messaging.letters import DeadLetter, NotReplayable, Place, read
from libs.messaging.records import incoming
from libs.messaging.settings import KafkaSettings

CONNECT_TIMEOUT_S = 10.0
SILENCE_S = 10.0
"""How long the broker may send nothing while there is something to read."""
POLL_MS = 200
FETCH_WAIT_MS = 50
AT_ONCE = 100
"""Records in memory at once, bodies included."""

Ends = Mapping[TopicPartition, int]
"""Up to where partitions are read; what is written meanwhile lies behind."""
Records = list[DeadLetter | Place]
"""Letters, and the places of letters that were replayed."""


class BrokerAway(Exception):
    """The broker cannot be reached, or stopped answering."""


@dataclass(slots=True)
class Survey:
    """What lies in some dead letter topics."""

    newest: list[DeadLetter] = field(default_factory=list)
    """Some of the letters, oldest first, without their bodies."""
    letters: Counter[str] = field(default_factory=Counter)
    """How many there are in each topic."""
    repeats: set[Place] = field(default_factory=set)
    """Letters of messages that have an earlier letter: they are replayed once."""
    replayed: set[Place] = field(default_factory=set)
    """Letters whose message was replayed."""
    ends: Ends = field(default_factory=dict)

    def waiting(self, topic: str) -> int:
        """How many messages with letters in a topic were not replayed."""
        done = self.replayed | self.repeats
        return self.letters[topic] - sum(place.topic == topic for place in done)


@dataclass(slots=True)
class Replayed:
    """What became of a replay."""

    sent: list[Place] = field(default_factory=list)
    refused: dict[Place, str] = field(default_factory=dict)
    """Letters that were not replayed, and why."""
    unmarked: list[Place] = field(default_factory=list)
    """Letters that were sent, but do not say so: they still seem to wait."""


async def survey(settings: KafkaSettings, topics: Collection[str], most: int) -> Survey:
    """Reads topics to their ends; remembers the `most` newest letters."""
    found = Survey()
    heap: list[tuple[datetime, Place, DeadLetter]] = []
    first: dict[tuple[str, int], Place] = {}
    letters: dict[tuple[str, tuple[str, str]], list[Place]] = {}

    async def note(records: Records) -> None:
        for record in records:
            if isinstance(record, Place):
                # A mark outlives its letter, which is older.
                oldest = first.get((record.topic, record.partition))
                if oldest is not None and oldest <= record:
                    found.replayed.add(record)
                continue
            first.setdefault((record.place.topic, record.place.partition), record.place)
            found.letters[record.place.topic] += 1
            letters.setdefault((record.place.topic, record.identity), []).append(record.place)
            entry = (record.at, record.place, replace(record, value=b""))
            if len(heap) < most:
                heappush(heap, entry)
            elif heap:
                heappushpop(heap, entry)

    found.ends = await _scan(settings, topics, note)
    for places in letters.values():
        found.repeats.update(places[1:])
        if not found.replayed.isdisjoint(places):
            found.replayed.update(places)
    found.newest = [letter for _, _, letter in sorted(heap, key=lambda entry: entry[:2])]
    return found


async def find(settings: KafkaSettings, place: Place) -> tuple[DeadLetter | None, bool]:
    """The letter at a place with its body, and whether it was replayed."""
    letter: DeadLetter | None = None
    replayed = False

    async def note(records: Records) -> None:
        nonlocal letter, replayed
        for record in records:
            replayed = replayed or record == place
            if isinstance(record, DeadLetter) and record.place == place:
                letter = record

    await _scan(settings, [place.topic], note)
    return letter, replayed


async def replay(
    settings: KafkaSettings, topics: Collection[str], ends: Ends, chosen: Callable[[Place], bool]
) -> Replayed:
    """Publishes the messages of chosen letters again, and marks each that the broker has.

    A message with several letters is published once, and all of them are marked.

    A crash in between leaves a letter unmarked whose message is out: whoever replays it
    once more repeats a message, and those its consumer knows.
    """
    done = Replayed()
    bus = KafkaBus(settings, "dossier-dlq")
    acks: dict[tuple[str, str], Ack] = {}

    async def send(records: Records) -> None:
        letters = []
        messages: dict[tuple[str, str], Outgoing] = {}
        for letter in records:
            if isinstance(letter, DeadLetter) and chosen(letter.place):
                try:
                    if letter.identity not in acks:
                        messages.setdefault(letter.identity, letter.message())
                    letters.append(letter)
                except NotReplayable as error:
                    done.refused[letter.place] = str(error)
        published = await relay.publish(bus, list(messages.values()))
        acks.update(zip(messages, published, strict=True))
        sent = []
        for letter in letters:
            if (ack := acks[letter.identity]) is Ack.ACKNOWLEDGED:
                sent.append(letter)
            else:
                done.refused[letter.place] = f"The broker did not take it: {ack.value}."
        done.sent += [letter.place for letter in sent]
        marks = await relay.publish(bus, [letter.mark() for letter in sent])
        done.unmarked += [
            letter.place
            for letter, ack in zip(sent, marks, strict=True)
            if ack is not Ack.ACKNOWLEDGED
        ]

    with _broker_away(settings):
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await bus.start()
    try:
        await _scan(settings, topics, send, ends)
    finally:
        await bus.stop()
    return done


async def _scan(
    settings: KafkaSettings,
    topics: Collection[str],
    on_records: Callable[[Records], Awaitable[None]],
    ends: Ends | None = None,
) -> Ends:
    """Reads topics from their beginnings to `ends`, else to where they end now."""
    with _broker_away(settings):
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            partitions = await _partitions(settings, topics)
    if not partitions:
        return {}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap.split(","),
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_poll_records=AT_ONCE,
    )
    with _broker_away(settings):
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await consumer.start()
            consumer.assign(partitions)
            return await _read(consumer, on_records, ends)
        finally:
            await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer,
    on_records: Callable[[Records], Awaitable[None]],
    given: Ends | None,
) -> Ends:
    ends = dict(given or {})
    unread = set(consumer.assignment())
    loop = asyncio.get_running_loop()
    silent_at = loop.time() + SILENCE_S
    while unread:
        async with asyncio.timeout_at(silent_at):
            batch = await consumer.getmany(timeout_ms=POLL_MS)
            for partition in list(unread):
                # The end that a fetch tells; asked for it, the embedded broker answers wrongly.
                end = consumer.highwater(partition)
                if end is not None and await consumer.position(partition) >= ends.setdefault(
                    partition, end
                ):
                    unread.discard(partition)
        records = [
            read(incoming(record), datetime.fromtimestamp(record.timestamp / 1000, UTC))
            for partition, some in batch.items()
            for record in some
            if partition not in ends or record.offset < ends[partition]
        ]
        if records:
            await on_records(records)
            silent_at = loop.time() + SILENCE_S
    return ends


async def _partitions(settings: KafkaSettings, topics: Collection[str]) -> list[TopicPartition]:
    """The partitions of those topics that exist; asking for others could create them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap.split(","))
    await admin.start()
    try:
        there = sorted(set(topics) & set(await admin.list_topics()))
        described = await admin.describe_topics(there) if there else []
    finally:
        await admin.close()
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]


@contextlib.contextmanager
def _broker_away(settings: KafkaSettings) -> Iterator[None]:
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise BrokerAway(
            f"The broker at {settings.bootstrap} does not answer ({type(error).__name__})."
        ) from error
