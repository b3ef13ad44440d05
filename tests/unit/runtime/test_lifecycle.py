"""The order in which a process starts and stops its parts, and what cannot stop it stopping."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from asgi_lifespan import LifespanManager

from libs.runtime import service
from libs.runtime.service import Parts, create_app


class Diary:
    """Notes what happens."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def step(self, name: str) -> Callable[[], Awaitable[None]]:
        async def noted() -> None:
            self.entries.append(name)

        return noted

    async def loop(self) -> None:
        self.entries.append("loop begins")
        try:
            await asyncio.Event().wait()
        finally:
            self.entries.append("loop ends")


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def test_loops_run_until_the_rest_has_finished(diary: Diary) -> None:
    parts = Parts(
        start=[diary.step("start 1"), diary.step("start 2")],
        finish=[diary.step("finish 1"), diary.step("finish 2")],
        stop=[diary.step("stop 1"), diary.step("stop 2")],
        loops=[diary.loop],
    )
    async with LifespanManager(create_app(parts)):
        await asyncio.sleep(0)
    assert diary.entries == [
        "start 1",
        "start 2",
        "loop begins",
        "finish 1",
        "finish 2",
        "loop ends",
        "stop 1",
        "stop 2",
    ]


async def test_a_step_that_fails_or_hangs_keeps_no_other_from_being_taken(
    diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SHUTDOWN_S", 0.05)

    async def fails() -> None:
        raise OSError("the broker is away")

    async def hangs() -> None:
        await asyncio.Event().wait()

    parts = Parts(finish=[fails, hangs, diary.step("finish")], stop=[fails, diary.step("stop")])
    async with LifespanManager(create_app(parts)):
        pass
    assert diary.entries == ["finish", "stop"]
