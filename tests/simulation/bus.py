"""The broker: consumer groups, and every way in which it may treat a message badly.

It keeps the order of a key until something goes wrong: it may drop, repeat, delay,
refuse, or not acknowledge messages, and come back empty. What a member of a group had
not committed when it died is delivered again, to whoever is there then.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from zlib import crc32

from libs.messaging.bus import Ack, Incoming, NotConsumed, OnBatch, Outgoing
from tests.simulation.faults import Faults
from tests.simulation.loop import ProcessLoop
from tests.simulation.process import Process

LATENCY_S = 0.004
ACK_TIMEOUT_S = 1.5
LONGEST_DELAY_S = 15.0
"""Past every lease."""
WRITTEN_LATE_S = (2.0, LONGEST_DELAY_S)
REJOIN_S = (1.0, 8.0)
NOT_CONSUMED_PAUSE_S = 0.2
MOST_IN_BATCH = 20


class Member:
    """One process in a consumer group."""

    def __init__(self, process: Process, on_batch: OnBatch, faults: Faults) -> None:
        self.process = process
        self.waiting: deque[Incoming] = deque()
        self.uncommitted: list[Incoming] = []
        self._on_batch = on_batch
        self._faults = faults
        self._wake = asyncio.Event()

    def put(self, incoming: Incoming) -> None:
        self.waiting.append(incoming)
        self._wake.set()

    async def run(self) -> None:
        """Takes batches until the process dies."""
        random = self._faults.random
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            size = random.randint(1, MOST_IN_BATCH)
            batch = [self.waiting.popleft() for _ in range(min(size, len(self.waiting)))]
            self.uncommitted += batch
            try:
                await self._on_batch(batch)
            except NotConsumed:
                # Of a batch that is partly consumed the rest is enough; the whole is harder.
                self.waiting.extendleft(reversed(batch))
                await asyncio.sleep(NOT_CONSUMED_PAUSE_S)
                continue
            await self.process.point()
            # Offsets are committed now and then, not after every batch.
            if random.random() < 0.5:
                self.uncommitted.clear()

    def left_behind(self) -> list[Incoming]:
        """What a successor gets: everything from the last commit on."""
        return [*self.uncommitted, *self.waiting]


class Group:
    """A consumer group: each key is one member's, as long as members stay."""

    def __init__(self, name: str, topics: frozenset[str]) -> None:
        self.name = name
        self.topics = topics
        self.members: list[Member] = []
        self.backlog: list[Incoming] = []

    def put(self, incoming: Incoming) -> None:
        if not self.members:
            self.backlog.append(incoming)
            return
        place = crc32(f"{incoming.topic}{incoming.key}".encode())
        self.members[place % len(self.members)].put(incoming)

    def join(self, member: Member) -> None:
        self.members.append(member)
        backlog, self.backlog = self.backlog, []
        for incoming in backlog:
            self.put(incoming)

    def forget(self) -> None:
        self.backlog.clear()
        for member in self.members:
            member.waiting.clear()


class SimulatedBroker:
    """The broker, seen by all processes. `loop` is the world's own, which never dies."""

    def __init__(self, loop: ProcessLoop, faults: Faults) -> None:
        self.up = True
        self.messages = 0
        self.groups: dict[str, Group] = {}
        self.on_publish: Callable[[Process, Outgoing, str], None] = lambda *_: None
        self.on_deliver: Callable[[Group, Incoming], None] = lambda *_: None
        self._replies: list[tuple[int, Member]] = []
        self._loop = loop
        self._faults = faults
        self._epoch = 0

    # Consumers.

    def join(self, name: str, topics: Sequence[str], process: Process, on_batch: OnBatch) -> None:
        """Makes a process a member of a group."""
        group = self.groups.setdefault(name, Group(name, frozenset(topics)))
        member = Member(process, on_batch, self._faults)
        group.join(member)
        process.loop.spawn(member.run())
        process.deaths.append(lambda: self._leave(group, member))

    def hand_over(self, paused: Process) -> None:
        """What a silent member has goes to the others too: it does not know, and goes on later."""
        for group in self.groups.values():
            others = [member for member in group.members if member.process is not paused]
            for member in group.members:
                if member.process is paused and others:
                    for incoming in member.left_behind():
                        self._faults.random.choice(others).put(incoming)

    def _leave(self, group: Group, member: Member) -> None:
        group.members.remove(member)
        again = member.left_behind()
        after_s = self._faults.random.uniform(*REJOIN_S)
        self._loop.call_later(after_s, self._redeliver, group, again, self._epoch)

    def _redeliver(self, group: Group, again: list[Incoming], epoch: int) -> None:
        if epoch == self._epoch:
            for incoming in again:
                group.put(incoming)

    def listen(self, partition: int, process: Process, on_batch: OnBatch) -> None:
        """Has a process read the replies of a partition, without a group."""
        member = Member(process, on_batch, self._faults)
        entry = (partition, member)
        self._replies.append(entry)
        process.loop.spawn(member.run())
        process.deaths.append(lambda: self._replies.remove(entry))

    # Publishing.

    async def publish(self, process: Process, messages: Sequence[Outgoing]) -> list[Ack]:
        """Publishes for a process."""
        await process.point()
        if not self.up:
            await asyncio.sleep(ACK_TIMEOUT_S)
            return [self._while_away(process, message) for message in messages]
        acks = [self._accept(process, message) for message in messages]
        await asyncio.sleep(ACK_TIMEOUT_S if Ack.UNKNOWN in acks else LATENCY_S)
        await process.point()
        return acks

    def _while_away(self, process: Process, message: Outgoing) -> Ack:
        """Without a broker a client refuses a message, or keeps it, and writes it later."""
        if self._faults.random.random() < 0.5:
            return Ack.REFUSED
        self.on_publish(process, message, "unacknowledged: the broker is away")
        if self._faults.random.random() < 0.5:
            late_s = self._faults.random.uniform(*WRITTEN_LATE_S)
            self._loop.call_later(late_s, self._arrive, message, self._epoch)
        return Ack.UNKNOWN

    def _accept(self, process: Process, message: Outgoing) -> Ack:
        self.messages += 1
        odds, strike = self._faults.odds, self._faults.strike
        if strike("refused", odds.refuse):
            self.on_publish(process, message, "refused")
            return Ack.REFUSED
        if strike("unacknowledged", odds.unknown):
            # Perhaps written, perhaps not, and perhaps only after its sender has given up.
            written = self._faults.random.random() < 0.5
            self.on_publish(process, message, f"unacknowledged, written: {written}")
            if written:
                late_s = self._faults.random.uniform(0.0, 2 * ACK_TIMEOUT_S)
                self._loop.call_later(late_s, self._arrive, message, self._epoch)
            return Ack.UNKNOWN
        if strike("dropped", odds.drop):
            self.on_publish(process, message, "dropped")
            return Ack.ACKNOWLEDGED
        self.on_publish(process, message, "")
        self._write(message)
        if strike("duplicated", odds.duplicate):
            again_s = self._faults.random.uniform(0.0, LONGEST_DELAY_S)
            self._loop.call_later(again_s, self._arrive, message, self._epoch)
        return Ack.ACKNOWLEDGED

    def _write(self, message: Outgoing) -> None:
        delay_s = LATENCY_S * self._faults.random.random()
        if self._faults.strike("delayed", self._faults.odds.delay):
            delay_s = self._faults.random.uniform(0.1, LONGEST_DELAY_S)
        self._loop.call_later(delay_s, self._arrive, message, self._epoch)

    def _arrive(self, message: Outgoing, epoch: int) -> None:
        if epoch != self._epoch:
            return
        incoming = Incoming(
            message.topic, message.key, message.headers, message.value, message.partition or 0
        )
        for group in self.groups.values():
            if message.topic in group.topics:
                self.on_deliver(group, incoming)
                group.put(incoming)
        if message.partition is not None:
            for partition, member in self._replies:
                if partition == message.partition:
                    member.put(incoming)

    def forget_everything(self) -> None:
        """The broker comes back empty."""
        self._epoch += 1
        for group in self.groups.values():
            group.forget()


class BusOf:
    """One process's way to the broker."""

    def __init__(self, process: Process, broker: SimulatedBroker) -> None:
        self._process = process
        self._broker = broker

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]:
        return await self._broker.publish(self._process, messages)

    async def reachable(self) -> bool:
        return self._broker.up
