"""Turns a batch from the bus into units of work, and decides the fate of what fails.

Three fates: handled (a rejection is a handled message too), dead letter (poison,
or failed too often), and another try after a pause. See docs/decisions/0012-three-fates.md.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import prometheus_client
import structlog
from pydantic import ValidationError

from libs.contracts.envelope import Message, Meta
from libs.contracts.topics import MESSAGE_TYPES, TOPICS
from libs.messaging import metrics, relay
from libs.messaging.bus import Ack, Bus, Incoming
from libs.messaging.clock import Clock
from libs.messaging.errors import Poison
from libs.messaging.failures import failure_of, is_transient, reason_of, stack_of
from libs.messaging.letters import SHORT, letter_of, shortened
from libs.messaging.mismatch import places_of
from libs.messaging.retries import Failure, Retries, Step, pauses
from libs.messaging.turn import Suspects, Turn
from libs.messaging.unit import Unit, Units

log = structlog.get_logger()

S = TypeVar("S")
M = TypeVar("M", bound=Message)

PUBLIC = frozenset(topic.name for topic in TOPICS if topic.public)
ADVICE = (
    "If this goes on, the topic is missing, or this client may not write to it: "
    "`python -m libs.messaging.admin` creates missing topics."
)


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """A message with its envelope."""

    message: M
    meta: Meta


Handler = Callable[[Unit[S], Sequence[Received[Any]]], Awaitable[None]]
Group = Sequence[tuple[Incoming, Received[Message]]]
"""Messages for one handler, in their order."""


@dataclass(frozen=True, slots=True)
class Route(Generic[S]):
    """Message types that one handler takes.

    What happens `once_by_key`, because the rows that a message changes carry a key of
    their own, needs no inbox: repeats reach the handler, which answers them again.
    """

    types: tuple[type[Message], ...]
    handler: Handler[S]
    once_by_key: bool = False


class Router(Generic[S]):
    """Hands the messages of a service to its handlers, batch-wise and in the order of each key."""

    def __init__(self, units: Units[S], bus: Bus, clock: Clock, routes: Sequence[Route[S]]) -> None:
        self._units = units
        self._bus = bus
        self._clock = clock
        self._suspects = Suspects()
        self._routes = {t.type_name(): route for route in routes for t in route.types}

    async def handle(self, batch: Sequence[Incoming]) -> None:
        """Handles a batch; returns when every message has met its fate.

        Raises:
            PartlyConsumed: that took too long; the rest is to be delivered again.
        """
        turn = Turn(batch)
        for route, group in self._group(await self._decode(batch, turn)):
            await self._settle(route, group, turn)
        turn.check()

    async def _decode(
        self, batch: Sequence[Incoming], turn: Turn
    ) -> list[tuple[Incoming, Received[Message]]]:
        """Reads a batch up to where its time is over, and buries what cannot be read."""
        decoded = []
        for incoming in batch:
            try:
                received = decode(incoming)
                routed = self._is_routed(incoming, received.meta.type)
            except Poison as error:
                await self._bury(incoming, reason_of(error), turn)
                if turn.over():
                    break
            else:
                if routed:
                    decoded.append((incoming, received))
                else:
                    turn.settled([incoming])
        return decoded

    def _is_routed(self, incoming: Incoming, message_type: str) -> bool:
        """Whether a message is ours to handle. Of a public topic, a reader takes what it knows.

        Raises:
            Poison: it was sent to us, and we have no handler: its sender is newer, or wrong.
        """
        if message_type in self._routes:
            return True
        if incoming.topic not in PUBLIC:
            raise Poison(f"{message_type[:SHORT]} has no handler here: is its sender newer?")
        return False

    def _group(
        self, decoded: Sequence[tuple[Incoming, Received[Message]]]
    ) -> list[tuple[Route[S], list[tuple[Incoming, Received[Message]]]]]:
        """Cuts a batch into groups for one handler each, as few as the order of keys allows.

        A suspect is a group of its own.
        """
        groups: list[tuple[Route[S], list[tuple[Incoming, Received[Message]]]]] = []
        last_of_key: dict[tuple[str, str], int] = {}
        alone: set[int] = set()
        for incoming, received in decoded:
            route = self._routes[received.meta.type]
            key = (incoming.topic, incoming.key)
            earliest = last_of_key.get(key, 0)
            open_to = (
                i for i in range(earliest, len(groups)) if groups[i][0] is route and i not in alone
            )
            place = next(open_to, len(groups))
            if self._suspects.retries(incoming, received.meta.id):
                place = len(groups)
                alone.add(place)
            if place == len(groups):
                groups.append((route, []))
            groups[place][1].append((incoming, received))
            last_of_key[key] = place
        return groups

    async def _settle(self, route: Route[S], group: Group, turn: Turn) -> None:
        """Handles a group in one unit; one that fails is cut in two, down to the bad message."""
        first, received = group[0]
        retries = Retries(len(group))
        if len(group) == 1:
            retries = self._suspects.retries(first, received.meta.id) or retries
        pause = pauses(received.meta.id)
        began = time.monotonic()
        while (error := await self._failed(route, group)) is not None:
            failure = failure_of(error)
            step = retries.failed(failure, time.monotonic() - began)
            # Should the batch be handed back from here on, it is tried alone, with its count.
            self._suspects.add(first, received.meta.id, retries if len(group) == 1 else Retries(1))
            if step is Step.BURY:
                await self._bury(first, reason_of(error), turn)
                break
            _count(metrics.RETRIED, group)
            turn.check()
            if step is Step.SPLIT:
                self._suspects.settled(first, received.meta.id)
                await self._settle(route, group[: len(group) // 2], turn)
                await self._settle(route, group[len(group) // 2 :], turn)
                return
            log.warning(
                "message not handled, trying again",
                type=received.meta.type,
                subject=received.meta.subject[:SHORT],
                messages=len(group),
                error=reason_of(error),
                stack=stack_of(error) if failure is Failure.LASTING else None,
            )
            rest = next(pause)
            await asyncio.sleep(rest)
            if not await self._database_answers(received.meta.id, turn):
                retries.forgive()
                turn.check()
            began = time.monotonic() - rest
        else:
            _count(metrics.HANDLED, group)
        self._suspects.settled(first, received.meta.id)
        turn.settled([incoming for incoming, _ in group])
        turn.check()

    async def _failed(self, route: Route[S], group: Group) -> Exception | None:
        """Tries a group once, and answers the error that it failed with."""
        messages: Sequence[Received[Message]] = [received for _, received in group]
        try:
            async with self._units.begin() as unit:
                if not route.once_by_key:
                    messages = await _first_times(unit, messages)
                if messages:
                    await route.handler(unit, messages)
        except Exception as error:
            return error
        return None

    async def _database_answers(self, seed: str, turn: Turn) -> bool:
        """Waits out a database that is away: a message is not to blame for that, so no try is
        made, let alone counted, before it is back. Not when the batch's time was over first."""
        for pause in pauses(seed):
            try:
                async with self._units.begin() as unit:
                    await unit.inbox.admit([], unit.now)
            except Exception as error:
                if not is_transient(error):
                    return True  # it answers; the next try tells what is wrong
                log.warning("database away, waiting", error=reason_of(error))
                if turn.over():
                    return False
                await asyncio.sleep(pause)
            else:
                return True
        raise AssertionError("pauses end")

    async def _bury(self, incoming: Incoming, reason: str, turn: Turn) -> None:
        """Puts a message into the dead letters of its topic, and returns when it is there.

        What follows waits for it: a message that is neither handled nor kept would be lost.
        """
        letter = letter_of(incoming, reason, self._clock())
        for pause in pauses(letter.headers["dead_origin"]):
            [ack] = await relay.publish(self._bus, [letter])
            if ack is Ack.ACKNOWLEDGED:
                break
            if ack is Ack.TOO_LARGE:
                letter = shortened(letter)
            log.warning(
                "dead letter not kept yet, trying again",
                topic=letter.topic,
                ack=ack.value,
                advice=ADVICE if ack is Ack.REFUSED else None,
            )
            turn.check()
            await asyncio.sleep(pause)
        turn.settled([incoming])
        message_type = incoming.headers.get("ce_type", "")
        metrics.DEAD_LETTERS.labels(incoming.topic, metrics.type_label(message_type)).inc()
        log.error("dead letter", topic=incoming.topic, key=incoming.key[:SHORT], reason=reason)


def _count(counter: prometheus_client.Counter, group: Group) -> None:
    kinds = Counter((incoming.topic, received.meta.type) for incoming, received in group)
    for kind, messages in kinds.items():
        counter.labels(*kind).inc(messages)


async def _first_times(
    unit: Unit[Any], group: Sequence[Received[Message]]
) -> list[Received[Message]]:
    """The messages that the inbox does not know, each once."""
    fresh = await unit.inbox.admit([received.meta.id for received in group], unit.now)
    first = []
    for received in group:
        if received.meta.id in fresh:
            fresh.discard(received.meta.id)
            first.append(received)
    return first


def decode(incoming: Incoming) -> Received[Message]:
    """Reads a message of a known type; a newer, unknown type comes back as a bare `Message`.

    Raises:
        Poison: the envelope or the body cannot be read. The reason quotes neither.
    """
    try:
        meta = Meta.from_headers(incoming.headers)
    except KeyError as error:
        raise Poison(f"unreadable envelope: header {error} is missing") from error
    except ValidationError as error:
        raise Poison(f"unreadable envelope: malformed {places_of(error)}") from error
    except Exception as error:  # whatever it is, reading the same again would end the same
        raise Poison(f"unreadable envelope: {type(error).__name__} in a header") from error
    model = MESSAGE_TYPES.get(meta.type)
    if model is None:
        return Received(Message.model_construct(), meta)
    try:
        return Received(model.model_validate_json(incoming.value), meta)
    except ValidationError as error:
        raise Poison(f"{meta.type} does not match its schema at: {places_of(error)}") from error
    except Exception as error:
        raise Poison(f"{meta.type} cannot be read: {type(error).__name__}") from error
