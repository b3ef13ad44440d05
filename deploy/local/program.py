"""One of our own processes: a Python module with settings from its environment."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.process import spawn, stop

STOP_GRACE_SECONDS = 20
"""Longer than a process takes to stop: see `REQUESTS_S` and `STEPS_S` of the runtime."""


class Program:
    """`python -m module`, its output in a log file."""

    def __init__(
        self, module: str, env: Mapping[str, str], log: Path, url: str, nice: int = 0
    ) -> None:
        self.log = log
        self.url = url
        """Where it answers /healthz and /readyz."""
        self._module = module
        self._env = dict(env)
        self._nice = nice
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process once it was launched."""
        return self._process

    def launch(self) -> None:
        """Starts it and returns at once."""
        nice = ["nice", "-n", str(self._nice)] if self._nice else []
        argv = [*nice, sys.executable, "-m", self._module]
        self._process = spawn(argv, log=self.log, env=self._env)

    def stop(self) -> None:
        """Lets it finish what it has in hand, and ends it when that takes too long."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM, STOP_GRACE_SECONDS)
