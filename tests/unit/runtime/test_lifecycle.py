"""The order in which a process starts and stops its parts, and what cannot stop it stopping."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
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

    def loop(self, name: str) -> Callable[[], Awaitable[None]]:
        async def noted() -> None:
            self.entries.append(f"{name} begins")
            try:
                await asyncio.Event().wait()
            finally:
                self.entries.append(f"{name} ends")

        return noted


async def hangs() -> bool:
    return await asyncio.Event().wait()


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def test_loops_end_before_the_rest_finishes_and_the_last_ones_after_it(diary: Diary) -> None:
    parts = Parts(
        start=[diary.step("start 1"), diary.step("start 2")],
        finish=[diary.step("finish 1"), diary.step("finish 2")],
        stop=[diary.step("stop 1"), diary.step("stop 2")],
        loops=[diary.loop("loop")],
        last_loops=[diary.loop("last loop")],
    )
    async with LifespanManager(create_app(parts)):
        await asyncio.sleep(0)
    assert diary.entries == [
        "start 1",
        "start 2",
        "loop begins",
        "last loop begins",
        "loop ends",
        "finish 1",
        "finish 2",
        "last loop ends",
        "stop 1",
        "stop 2",
    ]


async def test_a_step_that_fails_or_hangs_keeps_no_other_from_being_taken(
    diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STEPS_S", 0.5)
    monkeypatch.setattr(service, "STEP_LEAST_S", 0.05)

    async def fails() -> None:
        raise OSError("the broker is away")

    parts = Parts(finish=[fails, hangs, diary.step("finish")], stop=[fails, diary.step("stop")])
    async with LifespanManager(create_app(parts)):
        pass
    assert diary.entries == ["finish", "stop"]


async def test_steps_that_all_hang_share_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STEPS_S", 0.5)
    monkeypatch.setattr(service, "STEP_LEAST_S", 0.05)
    clock = asyncio.get_running_loop().time
    async with LifespanManager(create_app(Parts(finish=[hangs] * 3, stop=[hangs] * 3))):
        began = clock()
    assert 0.4 < clock() - began < 2.0


async def test_checks_that_hang_are_named_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHECK_S", 1.0)

    async def passes() -> bool:
        return True

    async def hangs_on() -> bool:
        try:
            return await hangs()
        finally:
            await asyncio.sleep(2)

    app = create_app(
        Parts(checks=(("database", hangs_on), ("broker", passes), ("consumer", hangs)))
    )
    clock = asyncio.get_running_loop().time
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://process"
    ) as client:
        began = clock()
        answer = await client.get("/readyz")
    assert clock() - began < 1.9  # the two were asked at once
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": False, "broker": True, "consumer": False}
