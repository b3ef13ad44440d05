"""Any program of commands, grants, crashes and sweeps leaves the ledger as the model has it.

Real router, handlers, relay and PostgreSQL; only the bus and the clock are the test's. The same
programs are run every time. More of them, and new ones each time:
`DOSSIER_LEDGER_EXAMPLES=5000 make test T=tests/integration/credits ARGS=--timeout=0`.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
import structlog
import uvloop
from hypothesis import Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.messaging.bus import Incoming, Outgoing
from libs.messaging.relay import SWEEP_AFTER
from libs.messaging.router import decode
from libs.messaging.testing import Crash
from libs.runtime.database import create_engine
from tests.integration.credits.credits_kit import (
    DEAD_LETTERS,
    Kill,
    Rows,
    Service,
    answer,
    clear,
    nothing_is_tried_again,
    read,
)
from tests.integration.credits.model import Ledger, Seen
from tests.integration.credits.programs import (
    Ask,
    FailingBus,
    accounts,
    asks,
    fates,
    kills,
)
from tests.support.memory import Time, arriving

EXAMPLES = 60
STEPS = 25

T = TypeVar("T")


@dataclass
class Fate:
    """What became of a process."""

    killed: bool = False


class LedgerMachine(RuleBasedStateMachine):
    """One ledger, the service on it, and the model beside it."""

    batches = Bundle("batches")

    def __init__(self, runner: asyncio.Runner, engine: AsyncEngine) -> None:
        super().__init__()
        self._runner, self._engine = runner, engine
        self.bus, self.time = FailingBus(), Time()
        self.model = Ledger(price=2)

    @initialize()
    def begin(self) -> None:
        self._run(clear(self._engine))
        self._start()

    # What may happen.

    @rule(asks=asks, kill=kills, target=batches)
    def commands_come(self, asks: list[Ask], kill: Kill | None) -> list[Incoming]:
        batch = [arriving(ask.command(self.time.now)) for ask in asks]
        self._handle(batch, kill)
        return batch

    @rule(earlier=st.lists(batches, min_size=1, max_size=3), kill=kills)
    def they_come_again(self, earlier: list[list[Incoming]], kill: Kill | None) -> None:
        """As after a crash or a rebalance: in any mixture, and more than once in one batch."""
        self._handle([incoming for batch in earlier for incoming in batch], kill)

    @rule(
        account=accounts,
        grant_id=st.sampled_from(["grant_1", "grant_2", "grant_3"]),
        amount=st.integers(1, 5),
        kill=kills,
    )
    def credits_are_granted(
        self, account: str, grant_id: str, amount: int, kill: Kill | None
    ) -> None:
        if kill != Kill("before"):
            self.model.grant(account, grant_id, amount)
        with self._dying_at(kill):
            after = self._run(self.service.grant(account, grant_id, amount))
            assert after.balance == self.model.balance(account)

    @rule(fate=fates)
    def what_was_committed_is_published(self, fate: str) -> None:
        with self._events_are(fate):
            self._run(self.service.relay.drain())

    @rule(fate=fates, kill=kills)
    def the_outbox_is_swept(self, fate: str, kill: Kill | None) -> None:
        with self._events_are(fate), self._dying_at(kill):
            self._run(self.service.relay.sweep())

    @rule(price=st.sampled_from([0, 1, 3]))
    def the_price_changes(self, price: int) -> None:
        """Which takes a restart."""
        self.model.price = price
        self._start()

    @rule(seconds=st.sampled_from([1, 6]))
    def time_passes(self, seconds: int) -> None:
        self.time.pass_(seconds=seconds)

    @rule()
    def all_is_well_for_a_while(self) -> None:
        """Then every answer gets out."""
        self.time.pass_(seconds=SWEEP_AFTER.total_seconds() + 1)
        for _ in range(2):
            self._run(self.service.relay.sweep())
        assert self._run(read(self._engine)).unsent == {}

    # What must hold then.

    @invariant()
    def the_ledger_is_as_the_model_has_it(self) -> None:
        rows = self._run(read(self._engine))
        rows.check()
        assert self._seen(rows) == self.model.seen()
        self._what_is_refused_tells_nothing()

    # How.

    def _what_is_refused_tells_nothing(self) -> None:
        for letter in self._letters():
            owner = self.model.runs[json.loads(letter.value)["run_id"]].account
            assert owner not in letter.headers["dead_reason"]

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def _start(self) -> None:
        """A new process: what another had in memory is gone."""
        self.service = Service(self._engine, self.bus, self.time, self.model.price)

    def _handle(self, batch: Sequence[Incoming], kill: Kill | None) -> None:
        commands: list[Any] = [decode(incoming).message for incoming in batch]
        steps = self.model.steps(commands, self.time.now)
        with self._dying_at(kill) as fate:
            self._run(self.service.router.handle(batch))
        if fate.killed:
            seen = self._seen(self._run(read(self._engine)))
            reached = [step for step in steps if step.seen() == seen]
            assert reached, f"killed where there is no step: {seen}"
            self.model = reached[0]
        else:
            self.model = steps[-1]

    def _seen(self, rows: Rows) -> Seen:
        """What there is to see; an answer is there if it is published or unsent."""
        events = [m for m in self.bus.published if m.topic != DEAD_LETTERS]
        published = {event.id: answer(event.type, event.value) for event in events}
        letters = [json.loads(letter.value) for letter in self._letters()]
        return Seen(
            {id_: s for id_, s in rows.accounts.items() if s != (0, 0)},
            rows.runs,
            rows.entries,
            Counter((rows.unsent | published).values()),
            [(letter["run_id"], letter["account_id"]) for letter in letters],
        )

    def _letters(self) -> list[Outgoing]:
        return [message for message in self.bus.published if message.topic == DEAD_LETTERS]

    @contextmanager
    def _dying_at(self, kill: Kill | None) -> Iterator[Fate]:
        fate = Fate()
        self.service.database.die_at(kill)
        try:
            yield fate
        except Crash:
            fate.killed = True
            self._start()
        finally:
            self.service.database.die_at(None)

    @contextmanager
    def _events_are(self, fate: str) -> Iterator[None]:
        self.bus.fate = fate
        try:
            with suppress(ConnectionError):
                yield
        except Crash:
            self._start()
        finally:
            self.bus.fate = "acknowledged"


# A program that fails is made as short as it can be, which takes longer than all that pass.
@pytest.mark.timeout(600)
def test_any_program_leaves_the_ledger_as_the_model_has_it(ledger_url: str) -> None:
    more = os.environ.get("DOSSIER_LEDGER_EXAMPLES")
    profile = settings(
        max_examples=int(more or EXAMPLES),
        stateful_step_count=STEPS,
        derandomize=more is None,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
    )
    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        structlog.testing.capture_logs([nothing_is_tried_again]),
    ):
        engine = create_engine(ledger_url)
        try:
            run_state_machine_as_test(lambda: LedgerMachine(runner, engine), settings=profile)
        finally:
            runner.run(engine.dispose())
