"""One schedule: everything that happens under one seed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from libs.audit.rows import Answer
from libs.audit.statements import Rules
from tests.simulation.bus import LONGEST_DELAY_S
from tests.simulation.clients import User
from tests.simulation.commits import Commits
from tests.simulation.database import Change
from tests.simulation.faults import Faults, odds
from tests.simulation.loop import Agenda
from tests.simulation.process import Process
from tests.simulation.shape import shape
from tests.simulation.stores.credits import ACCOUNTS
from tests.simulation.stores.runs import RUNS
from tests.simulation.system import RESTART_S, System
from tests.simulation.timeline import Timeline
from tests.simulation.watch import Watch, left_open

USERS = (5, 8)
ACTIONS = (4, 7)
PAUSE_S = 2.5
FAULTY_S = 20.0
"""How long faults go on."""
SETTLE_S = 180.0
"""Within this simulated time without faults every run must have ended and be settled."""
LOOK_EVERY_S = 5.0
QUIET_EVERY_S = 0.5
PAUSED_S = (0.5, 15.0)
AWAY_S = (0.5, 6.0)
CRASH_WITHIN_POINTS, FEWER_POINTS = 60, 10
"""Owners of databases pass many points; gateways and workers few."""
OWNERS = frozenset({"credits", "research", "context"})
PROBE_AFTER_S = 2.0
"""Until whoever died last is back, and is known to be."""
PROBING = 2
"""How many users try in the end whether everything works."""


@dataclass
class Result:
    """What came of a schedule."""

    seed: int
    users: int = 0
    runs: int = 0
    messages: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    unended: int = 0
    unsettled: int = 0
    simulated_s: float = 0.0


class Schedule:
    """Makes one system and lets it live.

    `liveness`: faults stop, and then everything must end and be settled. Without, they go on
    to the end, twice as long, and only what must hold at every instant is looked at.
    """

    def __init__(
        self, seed: int, *, liveness: bool = True, write: Callable[[str], object] | None = None
    ) -> None:
        self.seed = seed
        self._liveness = liveness
        self._is_quiet = False
        self._faulty_s = FAULTY_S if liveness else 2 * FAULTY_S
        self._random = Random(seed)
        self._faults = Faults(self._random, odds(self._random))
        self.agenda = Agenda()
        self.system = System(
            self.agenda, self._faults, shape(self._random), self._uncaught, self._random
        )
        chosen = self.system.shape
        rules = Rules(chosen.window, charge_failed=chosen.charge_failed)
        self.watch = Watch(self.system.memories, rules, self.system.now)
        self.commits = Commits(
            self.system.memories,
            self.watch.report,
            chosen.work.attempts,
            lambda: [person for user in self.users for person in user.deleting],
        )
        self._timeline = Timeline(write, lambda: self.agenda.now_s) if write else None
        self.system.broker.on_publish = self._published
        for name, memory in self.system.memories.items():
            memory.on_commit = partial(self._committed, name)
        if self._timeline:
            self.system.broker.on_deliver = self._timeline.delivered
        self.users = [
            User(f"u{number}", self.system, self._heard, self.watch.report)
            for number in range(self._random.randint(*USERS))
        ]
        for user in self.users:
            user.others = [other for other in self.users if other is not user]

    def run(self) -> Result:
        """Lets everything happen."""
        spawn = self.system.world.loop.spawn
        lives = [spawn(self._live(user)) for user in self.users]
        self._plan_faults()
        spawn(self._look_around())
        self.agenda.run(self._faulty_s)
        self.watch.look()
        if self._liveness:
            self._faults.on = False
            self._heal()
            spawn(self._settle(lives))
            self.agenda.run(self._faulty_s + SETTLE_S, lambda: self._is_quiet)
            # What was delayed still comes: it must change nothing.
            self.agenda.run(self.agenda.now_s + LONGEST_DELAY_S)
            self.watch.look(settled=True)
        return self._result(lives)

    async def _live(self, user: User) -> None:
        random = self._random
        await user.grant(random.choice((1, 9, 9, 9)))
        await user.live(random.randint(*ACTIONS), PAUSE_S)

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.watch.look()

    async def _settle(self, lives: list[Any]) -> None:
        """Waits until everything has ended, and once more after some users have tried it out."""
        await self._until_quiet(lives)
        await asyncio.sleep(RESTART_S[1] + PROBE_AFTER_S)
        for user in self.users[:PROBING]:
            lives.append(asyncio.ensure_future(self._probe(user)))
        await self._until_quiet(lives)
        self._is_quiet = True

    async def _until_quiet(self, lives: list[Any]) -> None:
        while not all(life.done() for life in lives) or left_open(self.system.memories) != (0, 0):
            await asyncio.sleep(QUIET_EVERY_S)

    async def _probe(self, user: User) -> None:
        def balance() -> int:
            account = self.system.memories["credits"].table(ACCOUNTS).get(user.id)
            return account.balance if account else 0

        await user.probe(balance, self.system.shape.price)

    # Faults.

    def _plan_faults(self) -> None:
        odds_, at = self._faults.odds, self.system.world.loop.call_later
        for count, fault in (
            (odds_.crashes, self._crash),
            (odds_.pauses, self._pause),
            (odds_.outages, self._outage),
            (odds_.amnesia, self._amnesia),
        ):
            for _ in range(count):
                at(self._random.uniform(0.0, self._faulty_s * 0.9), fault)

    def _someone(self) -> Process | None:
        roles = [role for role, running in self.system.running.items() if running]
        return self.system.any(self._random.choice(roles)) if roles else None

    def _crash(self) -> None:
        """Somebody dies at one of their next points."""
        victim = self._someone()
        if victim is not None:
            most = CRASH_WITHIN_POINTS if victim.name.rpartition("-")[0] in OWNERS else FEWER_POINTS
            victim.crash_in = self._random.randint(1, most)
            victim.deaths.append(lambda: self._died(victim))

    def _died(self, victim: Process) -> None:
        self._faults.counts["crashed"] += 1
        self._say(victim.name, "dies")

    def _pause(self) -> None:
        victim = self._someone()
        if victim is None or victim.loop.parked is not None:
            return
        self._faults.counts["paused"] += 1
        self._say(victim.name, "is paused")
        victim.loop.pause()
        if self._random.random() < 0.5:
            self.system.broker.hand_over(victim)
        at = self.system.world.loop.call_later
        at(self._random.uniform(*PAUSED_S), victim.loop.resume)

    def _outage(self) -> None:
        broker = self.system.broker
        what: Any = self._random.choice([*self.system.servers.values(), broker])
        kind = "broker away" if what is broker else "database away"
        self._faults.counts[kind] += 1
        self._say("world", kind)
        what.up = False
        at = self.system.world.loop.call_later
        at(self._random.uniform(*AWAY_S), setattr, what, "up", True)

    def _amnesia(self) -> None:
        self._faults.counts["broker forgot everything"] += 1
        self._say("world", "the broker forgets everything")
        self.system.broker.forget_everything()

    def _heal(self) -> None:
        """Whoever is paused or about to die goes on, and everything is there."""
        for running in self.system.running.values():
            for process in running:
                process.crash_in = None
                if process.loop.parked is not None:
                    process.loop.resume()
        for server in self.system.servers.values():
            server.up = True
        self.system.broker.up = True

    # What comes of it.

    def _say(self, who: str, what: str) -> None:
        if self._timeline:
            self._timeline.say(who, what)

    def _committed(self, service: str, changes: list[Change]) -> None:
        if self._timeline:
            self._timeline.committed(service, changes)
        self.commits.look(service, changes)

    def _heard(self, answer: Answer) -> None:
        self._say(answer.user_id, f"is answered {answer.status} on {answer.run_id[-6:]}")
        self.watch.heard(answer)

    def _published(self, process: Process, message: Any, fate: str) -> None:
        if self._timeline:
            self._timeline.published(process, message, fate)
        if fate in ("", "dropped"):
            self.commits.acknowledged(message)
        if message.topic.endswith(".dead"):
            reason = message.headers["dead_reason"]
            self.watch.report(f"{process.name} buried {message.headers.get('ce_type')}: {reason}")

    def _uncaught(self, process: Process, error: BaseException) -> None:
        self.watch.report(f"{process.name} met an error that nobody caught: {error!r}")

    def _result(self, lives: list[Any]) -> Result:
        memories = self.system.memories
        runs = [
            run for name in ("research", "context") for run in memories[name].table(RUNS).values()
        ]
        self.watch.look_at_promises(self.users)
        outcomes = Counter(str(run.state) for run in runs)
        outcomes.update(f"answered {a.status}" for a in self.watch.answers.values())
        for life in lives:
            if not life.done() and self._liveness:
                self.watch.report("a client was never answered")
            if life.done() and not life.cancelled() and life.exception():
                self.watch.report(f"a client failed: {life.exception()!r}")
        result = Result(
            self.seed,
            users=len(self.users),
            runs=len(runs),
            messages=self.system.broker.messages,
            faults=self._faults.counts,
            outcomes=outcomes,
            violations=self.watch.found,
            simulated_s=self.agenda.now_s,
        )
        if self._liveness:
            result.unended, result.unsettled = left_open(memories)
        return result
