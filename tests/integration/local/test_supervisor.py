"""A stack restarts what dies, and leaves nothing behind, however it ends."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from deploy.local.broker import answers
from deploy.local.ports import free_ports
from deploy.local.supervisor import LONGEST_DELAY_SECONDS, delay_seconds

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 15


class MiniStack:
    def __init__(self, folder: Path) -> None:
        self.ports = free_ports(2)
        argv = [sys.executable, "-m", "tests.integration.local.mini_stack", str(folder)]
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*argv, *map(str, self.ports)], cwd=ROOT, stdout=output, stderr=output
            )
        self.wait_for("ready")
        until(lambda: self.grandchild() is not None)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, word: str) -> psutil.Process | None:
        """The live direct child that has this word in its command line."""
        return _find(psutil.Process(self.process.pid).children(), word)

    def grandchild(self) -> psutil.Process | None:
        return _find(self.family(), "time.sleep")

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.output.read_text(), lambda: self.output.read_text())


def _find(processes: list[psutil.Process], word: str) -> psutil.Process | None:
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # or a zombie, which counts as that
            if word in " ".join(one.cmdline()):
                return one
    return None


def until(condition: Callable[[], bool], explain: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


def assert_gone(family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    left = [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    assert left == []


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[MiniStack]:
    one = MiniStack(tmp_path)
    yield one
    if one.process.poll() is None:
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(PATIENCE_SECONDS)


def test_each_child_that_is_killed_comes_back(stack: MiniStack) -> None:
    for word in ("sleeper", "tansu"):
        killed = stack.find(word)
        assert killed is not None
        killed.kill()
        until(partial(lambda word, killed: stack.find(word) not in (None, killed), word, killed))
    until(lambda: answers(stack.ports[1]))
    assert "broker ended (signal 9); starting again in 0.2 s" in stack.output.read_text()


def test_nothing_is_left_after_ctrl_c(stack: MiniStack) -> None:
    family = stack.family()
    stack.process.send_signal(signal.SIGINT)
    stack.process.send_signal(signal.SIGINT)  # make passes it on a second time
    assert stack.process.wait(PATIENCE_SECONDS) == 0
    assert_gone(family)


def test_no_child_is_left_after_the_supervisor_was_killed(stack: MiniStack) -> None:
    children = psutil.Process(stack.process.pid).children()
    grandchild = stack.grandchild()
    assert grandchild is not None
    stack.process.kill()
    stack.process.wait()
    assert_gone(children)
    # What a child started is that child's business: ours tie their browsers to themselves.
    grandchild.kill()


def test_the_wait_before_a_restart_grows_up_to_a_bound() -> None:
    waits = [delay_seconds(deaths) for deaths in range(1, 12)]
    assert waits[0] < 1
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_DELAY_SECONDS
