"""Commands: publish one, wait for its reply, and never leave the caller with a wrong answer.

| what happens                                      | answer                                  |
| ------------------------------------------------- | --------------------------------------- |
| the broker or a service is away beforehand        | 503, nothing was sent                   |
| the message is larger than the broker takes       | 413, nothing was sent                   |
| the reply comes                                   | what the owner decided                  |
| not acknowledged, or no reply in time             | what the owner's records say; a command |
|                                                   | that it never got, it refuses for good  |
| and the owner does not answer that either         | 504: the outcome is unknown             |
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from libs.contracts.envelope import Command
from libs.contracts.gateway import Reply
from libs.messaging import relay
from libs.messaging.bus import Ack, Bus, Envelope
from libs.messaging.clock import Clock, Ids
from libs.messaging.replies import ReplyDesk
from services.gateway.fresh import Fresh
from services.gateway.problems import Problem, outcome_unknown, unavailable
from services.gateway.settings import GatewaySettings

log = structlog.get_logger()

RESOLVE_TRIES = 5
RESOLVE_PAUSE_S = 1.0


class CommandBus(Bus, Protocol):
    """A bus that tells whether it can be reached."""

    async def reachable(self) -> bool: ...


class Owner(Protocol):
    """A service that owns what commands are about. See `OwnerApi`."""

    @property
    def name(self) -> str: ...
    @property
    def ready(self) -> Callable[[], Awaitable[bool]]: ...
    async def resolve(self, run_id: str, user_id: str, subject_id: str) -> Reply | None: ...


class Commands:
    """Sends commands to their owners."""

    def __init__(
        self,
        bus: CommandBus,
        desk: ReplyDesk,
        envelope: Envelope,
        clock: Clock,
        ids: Ids,
        settings: GatewaySettings,
    ) -> None:
        self._bus = bus
        self._desk = desk
        self._envelope = envelope
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._broker_reachable = Fresh(bus.reachable)

    def new_run_id(self) -> str:
        return f"run_{self._ids()}"

    def deadline(self) -> datetime:
        """The `not_after` of a command that is sent now."""
        return self._clock() + timedelta(seconds=self._settings.command_ttl_s)

    async def ask(
        self,
        command: Command,
        *,
        run_id: str,
        user_id: str,
        owner: Owner,
        needs: Sequence[Owner] = (),
        run_path: str,
        trace: str,
    ) -> Reply:
        """Sends a command about a run and answers its outcome.

        `needs` are further services without which the command could not succeed;
        `run_path` is where the caller may look if the outcome stays unknown.

        Raises:
            Problem: 503 or 413 where nothing was sent, 504 where the outcome is unknown.
        """
        await self._check([owner, *needs])
        with self._desk.expect(self._ids()) as (address, reply):
            message = self._envelope.wrap(command, now=self._clock(), trace=trace, reply_to=address)
            [ack] = await relay.publish(self._bus, [message])
            if ack is Ack.TOO_LARGE:
                raise Problem(
                    413,
                    "content-too-large",
                    "The request makes a message that is larger than the message broker takes. "
                    "Nothing was done; send less.",
                )
            if ack is Ack.REFUSED:
                self._broker_reachable.forget()
                raise unavailable("The message broker does not take messages. Try again.")
            patience = self._settings.reply_wait_s if ack is Ack.ACKNOWLEDGED else 0.0
            for _ in range(RESOLVE_TRIES):
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(reply), patience)
                log.warning("no reply in time, asking the owner", run_id=run_id)
                if outcome := await owner.resolve(run_id, user_id, command.key):
                    return outcome
                patience = RESOLVE_PAUSE_S
        log.error("outcome unknown", run_id=run_id)
        raise outcome_unknown(
            f"The request was sent, but its outcome is not known yet. Look at {run_path}.",
            runId=run_id,
        )

    async def _check(self, owners: Sequence[Owner]) -> None:
        reachable, *ready = await asyncio.gather(
            self._broker_reachable(), *(owner.ready() for owner in owners)
        )
        if not reachable:
            raise unavailable("The message broker is away. Nothing was done; try again.")
        for owner, is_ready in zip(owners, ready, strict=True):
            if not is_ready:
                raise unavailable(
                    f"The {owner.name} service is not ready. Nothing was done; try again."
                )
