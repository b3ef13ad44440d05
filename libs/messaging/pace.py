"""Fetch waits for the embedded broker, which does not wake a waiting fetch.

There, a message is seen only when the fetch that waits for it times out: a
short wait makes hops quick and an idle stack busy. So consumers wait briefly
while messages keep coming, and long when nothing has come for a while.
Apache Kafka needs none of this and does not get it.
"""

import asyncio
from typing import Any

from libs.messaging.settings import KafkaSettings

CALM_AFTER_S = 3.0
"""How long after its last message a consumer counts as idle."""
LOOK_EVERY_S = 0.5


class Follower:
    """The pace of one consumer."""

    def __init__(self, subscriber: Any, settings: KafkaSettings) -> None:
        self._subscriber = subscriber
        self._settings = settings
        self._calm_at = 0.0

    def busy(self) -> None:
        """Notes that a message has come."""
        self._calm_at = asyncio.get_running_loop().time() + CALM_AFTER_S
        self._set(self._settings.busy_wait_ms)

    def calm(self) -> None:
        """Slows down if nothing has come for a while."""
        if asyncio.get_running_loop().time() >= self._calm_at:
            self._set(self._settings.idle_wait_ms)

    def _set(self, wait_ms: int) -> None:
        consumer = self._subscriber.consumer
        if consumer is not None:
            # aiokafka takes this setting only at construction, but reads it at every fetch.
            consumer._fetcher._fetch_max_wait_ms = wait_ms


class Pace:
    """The pace of all consumers of one process."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._followers: list[Follower] = []
        self._task: asyncio.Task[None] | None = None

    def follow(self, subscriber: Any) -> Follower:
        follower = Follower(subscriber, self._settings)
        self._followers.append(follower)
        return follower

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            for follower in self._followers:
                follower.calm()
            await asyncio.sleep(LOOK_EVERY_S)
