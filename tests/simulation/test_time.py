"""Simulated time and processes: what asyncio does on them, and how they die."""

import asyncio

import httpx
import pytest

from tests.simulation.loop import Agenda
from tests.simulation.process import Process


class Scene:
    """Two processes, and what they note."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.errors: list[BaseException] = []
        self.notes: list[tuple[float, str]] = []
        self.ada = Process("ada", self.agenda, self.errors.append)
        self.bob = Process("bob", self.agenda, self.errors.append)

    def note(self, what: str) -> None:
        self.notes.append((self.agenda.now_s, what))

    async def tick(self, times: int) -> None:
        for number in range(times):
            self.note(f"tick {number}")
            await asyncio.sleep(10)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_time_jumps_from_event_to_event(scene: Scene) -> None:
    scene.ada.loop.spawn(scene.tick(3))
    scene.agenda.run(until_s=1000)
    assert scene.notes == [(0, "tick 0"), (10, "tick 1"), (20, "tick 2")]
    assert scene.agenda.now_s == 1000


def test_timeouts_and_events_work_across_tasks(scene: Scene) -> None:
    async def wait() -> None:
        rung = asyncio.Event()
        asyncio.get_running_loop().call_later(3, rung.set)
        await rung.wait()
        scene.note("rung")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        scene.note("timed out")

    scene.ada.loop.spawn(wait())
    scene.agenda.run(until_s=100)
    assert scene.notes == [(3, "rung"), (8, "timed out")]
    assert not scene.errors


def test_a_killed_process_never_runs_again(scene: Scene) -> None:
    scene.ada.loop.spawn(scene.tick(5))
    scene.bob.loop.call_later(15, scene.ada.die)
    scene.agenda.run(until_s=100)
    assert scene.notes == [(0, "tick 0"), (10, "tick 1")]


def test_a_process_dies_between_two_awaits(scene: Scene) -> None:
    async def steps() -> None:
        for number in range(5):
            await scene.ada.point()
            scene.note(str(number))

    scene.ada.crash_in = 3
    scene.ada.loop.spawn(steps())
    scene.agenda.run(until_s=1)
    assert [what for _, what in scene.notes] == ["0", "1"]
    assert not scene.ada.alive


def test_a_paused_process_does_late_what_came_due(scene: Scene) -> None:
    scene.ada.loop.spawn(scene.tick(3))
    scene.bob.loop.call_later(5, scene.ada.loop.pause)
    scene.bob.loop.call_later(35, scene.ada.loop.resume)
    scene.agenda.run(until_s=100)
    assert scene.notes == [(0, "tick 0"), (35, "tick 1"), (45, "tick 2")]


class TestCalls:
    """Calls between processes."""

    async def answer(self, after_s: float) -> str:
        await asyncio.sleep(after_s)
        return "done"

    def call(self, scene: Scene, after_s: float) -> "asyncio.Task[str]":
        return scene.ada.loop.spawn(
            scene.ada.call(scene.bob, lambda: self.answer(after_s), timeout_s=5)
        )

    def test_one_is_answered(self, scene: Scene) -> None:
        asked = self.call(scene, after_s=1)
        scene.agenda.run(until_s=10)
        assert asked.result() == "done"

    def test_one_times_out(self, scene: Scene) -> None:
        asked = self.call(scene, after_s=6)
        scene.agenda.run(until_s=10)
        assert isinstance(asked.exception(), httpx.ReadTimeout)

    def test_one_is_lost_with_the_other_process(self, scene: Scene) -> None:
        asked = self.call(scene, after_s=3)
        scene.ada.loop.call_later(1, scene.bob.die)
        scene.agenda.run(until_s=10)
        assert isinstance(asked.exception(), httpx.ConnectError)
