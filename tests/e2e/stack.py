"""The stack as its users start it: `dossier up` in a process of its own, seen from outside."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local.system import PROCESSES
from tests.e2e.wait import eventually

START_S = 90.0
STOP_S = 30.0
POSTGRES = "postgres"
BROKER = "tansu"
GATEWAY = "services.gateway"
CONTEXT = "services.context"
RESEARCH = "services.research"
CREDITS = "services.credits"
CONTEXT_WORKER = "services.context.worker"
RESEARCH_WORKER = "services.research.worker"
FOREIGN_SETTINGS = ("ANTHROPIC_", "DOSSIER_", "PORT", "DATA", "READY")


@dataclass(frozen=True)
class Ready:
    """What the `READY` file says."""

    url: str
    user_key: str
    admin_key: str
    user_id: str


class Up:
    """One `dossier up` on a folder. `module` is run in its place, and has to do the same."""

    def __init__(
        self, folder: Path, port: int, settings: Mapping[str, str], module: str | None = None
    ) -> None:
        self.folder = folder
        self.port = port
        self.output = folder.with_suffix(".output")
        self._ready_file = folder.with_suffix(".ready.json")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN_SETTINGS)}
        own = {"PORT": str(port), "DATA": str(folder), "READY": str(self._ready_file)}
        self._env = {**inherited, **settings, **own}
        dossier = [str(Path(sys.executable).with_name("dossier"))]
        self._program = [sys.executable, "-m", module] if module else dossier
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Starts it, and returns at once."""
        self._ready_file.unlink(missing_ok=True)
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [*self._program, "up", "--with-parent"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )

    async def ready(self) -> Ready:
        """Waits for the `READY` file."""

        async def written() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.output.read_text()
            if not self._ready_file.exists():
                return None
            content: dict[str, Any] = json.loads(self._ready_file.read_text())
            return content

        said = await eventually("the READY file is written", written, within_s=START_S)
        return Ready(said["url"], said["keys"]["user"], said["keys"]["admin"], said["user_id"])

    @property
    def ready_file_exists(self) -> bool:
        return self._ready_file.exists()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "launch it first"
        return self._process

    def family(self) -> list[psutil.Process]:
        """The process and all that it has started, directly or not."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def find(self, program: str) -> psutil.Process:
        """The process that runs a program: a module of ours, `POSTGRES` or `BROKER`."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                arguments = process.cmdline()
                if program in arguments or (
                    process.name() == program and (program != POSTGRES or "-D" in arguments)
                ):
                    return process
        raise AssertionError(f"{program} does not run")

    def kill(self, program: str) -> None:
        """Ends a program as a power cut would."""
        self.find(program).kill()

    @contextlib.contextmanager
    def dead(self, *programs: str) -> Iterator[None]:
        """Programs are dead while the block runs: nobody starts them again so soon."""
        supervisor = psutil.Process(self.process.pid)
        supervisor.suspend()
        try:
            for program in programs:
                self.kill(program)
            yield
        finally:
            supervisor.resume()

    @contextlib.contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """A program hangs while the block runs: it neither answers nor ends."""
        process = self.find(program)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    async def all_ready(self, http: httpx.AsyncClient) -> bool:
        """Whether every process of ours says that it is ready."""
        ports = json.loads((self.folder / "ports.json").read_text())
        answers = await asyncio.gather(
            *(http.get(f"http://127.0.0.1:{ports[process.name]}/readyz") for process in PROCESSES),
            return_exceptions=True,
        )
        return all(
            isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.OK
            for answer in answers
        )

    async def ready_again(self, within_s: float) -> None:
        """Waits until the gateway says that it and all that it needs are ready."""

        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:

            async def look() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    answer = await http.get(f"http://127.0.0.1:{self.port}/readyz")
                    return answer.status_code == httpx.codes.OK
                return False

            await eventually("the stack is ready", look, within_s=within_s)

    async def stop(self) -> None:
        """Ctrl-C, and all that is left of it by force if that does not do."""
        if self._process is None or self._process.poll() is not None:
            return
        family = self.family()
        self._process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(self._process.wait, STOP_S)
        finally:
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
