"""Turns a batch from the bus into units of work, and decides the fate of what fails.

Three fates: handled (a rejection is a handled message too), dead letter (poison,
or failed too often), and another try with backoff while the database is away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from pydantic import ValidationError

from libs.contracts.envelope import Message, Meta
from libs.contracts.topics import MESSAGE_TYPES, dead_letters
from libs.messaging import relay
from libs.messaging.bus import Ack, Bus, Incoming, Outgoing
from libs.messaging.clock import Clock
from libs.messaging.errors import Poison
from libs.messaging.failures import is_poison, is_transient
from libs.messaging.unit import Unit, Units

log = structlog.get_logger()

S = TypeVar("S")
M = TypeVar("M", bound=Message)

TRIES = 5
"""How often a message that fails for no passing reason is tried before it is a dead letter."""
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 5.0


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """A message with its envelope."""

    message: M
    meta: Meta


Handler = Callable[[Unit[S], Sequence[Received[Any]]], Awaitable[None]]


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
        self._routes = {t.type_name(): route for route in routes for t in route.types}

    async def handle(self, batch: Sequence[Incoming]) -> None:
        """Handles a batch; returns when every message has met its fate."""
        for route, group in self._group(await self._decode(batch)):
            await self._settle(route, group)

    async def _decode(self, batch: Sequence[Incoming]) -> list[tuple[Incoming, Received[Message]]]:
        decoded = []
        for incoming in batch:
            try:
                received = decode(incoming)
            except Poison as error:
                await self._bury(incoming, str(error))
            else:
                # A type without a route is somebody else's, or newer than this consumer.
                if received.meta.type in self._routes:
                    decoded.append((incoming, received))
        return decoded

    def _group(
        self, decoded: Sequence[tuple[Incoming, Received[Message]]]
    ) -> list[tuple[Route[S], list[tuple[Incoming, Received[Message]]]]]:
        """Cuts a batch into groups for one handler each, as few as the order of keys allows."""
        groups: list[tuple[Route[S], list[tuple[Incoming, Received[Message]]]]] = []
        last_of_key: dict[tuple[str, str], int] = {}
        for incoming, received in decoded:
            route = self._routes[received.meta.type]
            key = (incoming.topic, incoming.key)
            earliest = last_of_key.get(key, 0)
            place = next(
                (i for i in range(earliest, len(groups)) if groups[i][0] is route), len(groups)
            )
            if place == len(groups):
                groups.append((route, []))
            groups[place][1].append((incoming, received))
            last_of_key[key] = place
        return groups

    async def _settle(
        self, route: Route[S], group: list[tuple[Incoming, Received[Message]]]
    ) -> None:
        """Handles a group in one unit; what fails as a group is tried one by one."""
        tries = 0
        backoff = FIRST_BACKOFF_S
        while True:
            try:
                await self._handle(route, [received for _, received in group])
            except Exception as error:
                transient = is_transient(error)
                if not transient and len(group) > 1:
                    for one in group:
                        await self._settle(route, [one])
                    return
                tries += not transient
                if is_poison(error) or tries >= TRIES:
                    await self._bury(group[0][0], repr(error))
                    return
                log.warning(
                    "message not handled, trying again",
                    type=group[0][1].meta.type,
                    subject=group[0][1].meta.subject,
                    messages=len(group),
                    error=repr(error),
                    exc_info=not transient,
                )
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, LONGEST_BACKOFF_S)
            else:
                return

    async def _handle(self, route: Route[S], group: Sequence[Received[Message]]) -> None:
        async with self._units.begin() as unit:
            if not route.once_by_key:
                group = await _first_times(unit, group)
            if group:
                await route.handler(unit, group)

    async def _bury(self, incoming: Incoming, reason: str) -> None:
        """Sends a message to the dead letters of its topic, with the reason and its origin."""
        log.error("dead letter", topic=incoming.topic, key=incoming.key, reason=reason)
        letter = Outgoing(
            id="",
            type="",
            topic=dead_letters(incoming.topic),
            key=incoming.key,
            headers={
                **incoming.headers,
                "dead_reason": reason,
                "dead_origin": f"{incoming.topic}/{incoming.partition}/{incoming.offset}",
            },
            value=incoming.value,
            created_at=self._clock(),
        )
        while (await relay.publish(self._bus, [letter]))[0] is not Ack.ACKNOWLEDGED:
            await asyncio.sleep(LONGEST_BACKOFF_S)


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
        Poison: the envelope or the body cannot be read.
    """
    try:
        meta = Meta.from_headers(incoming.headers)
    except (KeyError, ValueError) as error:
        raise Poison(f"unreadable envelope: {error!r}") from error
    model = MESSAGE_TYPES.get(meta.type)
    if model is None:
        return Received(Message.model_construct(), meta)
    try:
        return Received(model.model_validate_json(incoming.value), meta)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, e["loc"])) or "body" for e in error.errors())
        raise Poison(f"{meta.type} does not match its schema at: {places}") from error
