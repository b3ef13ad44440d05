"""What a caller is told of a command that the broker does not take."""

import pytest

from libs.contracts.context import ContextRegenerateRequested
from libs.contracts.gateway import Reply
from libs.messaging.bus import Ack, Envelope
from libs.messaging.replies import ReplyDesk
from services.gateway.commands import Commands
from services.gateway.problems import Problem
from services.gateway.settings import GatewaySettings
from tests.support.memory import TRACE, Counter, MemoryBus, Time


class ReachableBus(MemoryBus):
    """A broker that is there, and counts who asks."""

    asked = 0

    async def reachable(self) -> bool:
        self.asked += 1
        return True


class ReadyOwner:
    """An owner that is never asked for an outcome."""

    name = "context"

    async def ready(self) -> bool:
        return True

    async def resolve(self, run_id: str, user_id: str, subject_id: str) -> Reply | None:
        raise AssertionError("nothing was sent")


@pytest.mark.parametrize(
    ("ack", "status", "kind", "looks"),
    [(Ack.TOO_LARGE, 413, "content-too-large", 1), (Ack.REFUSED, 503, "unavailable", 2)],
)
async def test_a_command_that_is_not_taken(ack: Ack, status: int, kind: str, looks: int) -> None:
    """Whose message is too large learns that; the broker is there, and others may go on."""
    bus, clock, ids = ReachableBus(), Time(), Counter()
    bus.answer = lambda message: ack
    settings = GatewaySettings(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    commands = Commands(bus, ReplyDesk(0), Envelope("/gateway", ids), clock, ids, settings)
    command = ContextRegenerateRequested(
        run_id="run_1", user_id="usr_1", not_after=commands.deadline()
    )
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            await commands.ask(
                command,
                run_id="run_1",
                user_id="usr_1",
                owner=ReadyOwner(),
                run_path="/runs/run_1",
                trace=TRACE,
            )
        assert (refused.value.status, refused.value.kind) == (status, kind)
    assert bus.asked == looks
