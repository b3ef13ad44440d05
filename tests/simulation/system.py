"""The simulated deployment: the real services and workers, as processes that can die."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from libs.contracts import topics
from libs.contracts.credits import Action
from libs.contracts.topics import Topic
from libs.contracts.work import Lease
from libs.messaging.bus import Envelope
from libs.messaging.replies import ReplyDesk
from libs.messaging.unit import Units
from libs.runtime.service import every
from libs.work.runner import Runner
from services.context import app as context_app
from services.context.worker import FINDINGS as CONTEXT_FINDINGS
from services.credits import app as credits_app
from services.gateway.commands import Commands
from services.gateway.settings import GatewaySettings
from services.research import app as research_app
from services.research.worker import FINDINGS as RESEARCH_FINDINGS
from tests.simulation.bus import BusOf, SimulatedBroker
from tests.simulation.connection import Connection, Server
from tests.simulation.database import Memory, MemoryDatabase
from tests.simulation.faults import Faults
from tests.simulation.loop import Agenda
from tests.simulation.peers import ClaimsOf, Gateway, OwnerOf
from tests.simulation.process import Process
from tests.simulation.shape import Shape
from tests.simulation.stores.context import MemoryContext
from tests.simulation.stores.credits import MemoryCredits
from tests.simulation.stores.research import MemoryResearch
from tests.simulation.work import work_of

START = datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)
GATEWAY = GatewaySettings.model_construct()  # whatever the environment says
SWEEP_EVERY = timedelta(seconds=4)
"""Less often than in earnest: most sweeps find nothing, and cost as much as a message."""
RESTART_S = (0.2, 3.0)


@dataclass
class System:
    """All processes, their broker and databases."""

    agenda: Agenda
    faults: Faults
    shape: Shape
    on_error: Callable[[Process, BaseException], None]
    random: Random
    world: Process = field(init=False)
    broker: SimulatedBroker = field(init=False)
    services: dict[str, Any] = field(default_factory=dict)
    """The service that runs in a process, by the process's name."""
    running: dict[str, list[Process]] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    _ids: int = 0
    _births: int = 0

    def __post_init__(self) -> None:
        self.world = Process("world", self.agenda, lambda e: self.on_error(self.world, e))
        self.broker = SimulatedBroker(self.world.loop, self.faults)
        for name in ("credits", "context", "research"):
            self.memories[name] = Memory()
            self.servers[name] = Server()
        for role, count in self.shape.processes.items():
            self.running[role] = []
            for _ in range(count):
                self.start(role)

    # Time and ids.

    def ids(self) -> str:
        self._ids += 1
        return f"{self._ids:032x}"

    def now(self) -> datetime:
        return START + timedelta(seconds=self.agenda.now_s)

    def clock(self) -> Callable[[], datetime]:
        """The clock of one process."""
        skew = timedelta(seconds=self.random.uniform(-1, 1) * self.shape.skew_s)
        return lambda: START + skew + timedelta(seconds=self.agenda.now_s)

    # Processes.

    def start(self, role: str) -> None:
        """Starts a process of a role, which is started again some time after it dies."""
        self._births += 1
        process = Process(
            f"{role}-{self._births}", self.agenda, lambda e: self.on_error(process, e)
        )
        self.running[role].append(process)
        process.deaths.append(lambda: self._died(role, process))
        match role:
            case "credits":
                self._start_credits(process)
            case "research":
                self._start_research(process)
            case "context":
                self._start_context(process)
            case "gateway":
                self._start_gateway(process)
            case "research-worker":
                self._start_worker(process, "research", topics.RESEARCH_TASKS, RESEARCH_FINDINGS)
            case "context-worker":
                self._start_worker(process, "context", topics.CONTEXT_TASKS, CONTEXT_FINDINGS)

    def _died(self, role: str, process: Process) -> None:
        self.running[role].remove(process)
        self.services.pop(process.name, None)
        self.world.loop.call_later(self.random.uniform(*RESTART_S), self.start, role)

    def any(self, role: str) -> Process | None:
        """A process of a role, if there is one."""
        candidates = self.running[role]
        return self.random.choice(candidates) if candidates else None

    async def ask(
        self, caller: Process, role: str, work: Callable[[Any], Awaitable[Any]], timeout_s: float
    ) -> Any:
        """Calls the service in some process of a role.

        Raises:
            httpx.HTTPError: it is away, fails, or does not answer in time.
        """
        process = self.any(role)
        if process is None:
            raise httpx.ConnectError(f"no {role} is there")
        service = self.services[process.name]
        return await caller.call(process, lambda: work(service), timeout_s)

    # The services.

    def _units(self, process: Process, name: str, store: Any, envelope: Envelope) -> Units[Any]:
        connection = Connection(process, self.servers[name], self.faults, self.shape.yields)
        return Units(MemoryDatabase(self.memories[name], store, connection), envelope, self.clock())

    def _run(self, process: Process, group: str, of: Sequence[Topic], service: Any) -> None:
        self.services[process.name] = service
        self.broker.join(group, [topic.name for topic in of], process, service.router.handle)
        service.relay.sweep_every = SWEEP_EVERY
        process.loop.spawn(_forever(process, service.relay.run))

    def _start_credits(self, process: Process) -> None:
        envelope = credits_app.envelope(self.ids)
        units = self._units(process, "credits", MemoryCredits, envelope)
        bus = BusOf(process, self.broker)
        service = credits_app.build(
            units, bus, self.clock(), {Action.DEEP_RESEARCH: self.shape.price}
        )
        self._run(process, "credits", [topics.CREDITS_COMMANDS], service)
        self.services[process.name] = units

    def _start_research(self, process: Process) -> None:
        envelope = research_app.envelope(self.ids)
        units = self._units(process, "research", MemoryResearch, envelope)
        bus = BusOf(process, self.broker)
        service = research_app.build(
            units,
            bus,
            self.clock(),
            self.ids,
            self.shape.work,
            charge_failed=self.shape.charge_failed,
        )
        of = [topics.RESEARCH_COMMANDS, topics.RESEARCH_WORK, topics.CREDITS_EVENTS]
        self._run(process, "research", of, service)
        process.loop.spawn(_forever(process, every(self.shape.reap_s, service.reap)))

    def _start_context(self, process: Process) -> None:
        envelope = context_app.envelope(self.ids)
        units = self._units(process, "context", MemoryContext, envelope)
        bus = BusOf(process, self.broker)
        service = context_app.build(
            units, bus, self.clock(), self.ids, self.shape.work, self.shape.window
        )
        self._run(process, "context", [topics.CONTEXT_COMMANDS, topics.CONTEXT_WORK], service)
        process.loop.spawn(_forever(process, every(self.shape.reap_s, service.reap)))

    def _start_gateway(self, process: Process) -> None:
        bus = BusOf(process, self.broker)
        desk = ReplyDesk(partition=self.random.randrange(self.shape.reply_partitions))
        self.broker.listen(desk.partition, process, desk.handle)
        clock = self.clock()
        commands = Commands(
            bus, desk, Envelope(source="/gateway", ids=self.ids), clock, self.ids, GATEWAY
        )
        owners = {name: OwnerOf(self, process, name) for name in ("context", "research", "credits")}
        self.services[process.name] = Gateway(commands, owners, clock, self.ids)

    def _start_worker(self, process: Process, owner: str, of: Topic, findings: Any) -> None:
        runner: Runner[Lease] = Runner(
            ClaimsOf(self, process, owner),  # type: ignore[arg-type]
            BusOf(process, self.broker),
            Envelope(source=f"/{process.name}", ids=self.ids),
            self.clock(),
            work=work_of(owner, process, self.random, self.faults),
            findings=findings,
            concurrency=2,
        )
        self.broker.join(process.name.rpartition("-")[0], [of.name], process, runner.on_tasks)


async def _forever(process: Process, work: Callable[[], Awaitable[None]]) -> None:
    """As `libs.runtime.service` runs loops: one that fails is started again."""
    while True:
        try:
            await work()
        except Exception as error:
            process.failed(error)
            await asyncio.sleep(1.0)
