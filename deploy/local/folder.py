"""The data folder of one stack: its lock, ports, secrets, keys and logs."""

import fcntl
import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from deploy.local.ports import free_ports, is_free
from deploy.local.process import StartError

KEYS = "keys.json"
"""The file that keeps the first API keys."""
LOCK_WAIT_SECONDS = 4.0
"""How long the folder may still be held by a stack that is just ending."""
POLL_SECONDS = 0.1
LOG_LIMIT_BYTES = 20_000_000
"""A log larger than this is put aside at the next start, in place of an older one."""
PORT_WAIT_SECONDS = 3.0
"""How long a port may still be held by a stack that was just killed."""


class DataFolder:
    """Everything a stack keeps lies under `path`, readable by its user only."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None

    def log(self, name: str) -> Path:
        """Where the output of the process `name` goes."""
        return self.path / "logs" / f"{name}.log"

    def acquire(self) -> None:
        """Makes the folder if needed and reserves it; the kernel frees it when we end.

        Large logs of earlier runs are put aside.

        Raises:
            StartError: another stack runs on it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        lock = (self.path / "lock").open("a+")
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while not _locked(lock):
            if time.monotonic() > deadline:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
                lock.close()
                raise StartError(
                    f"Another stack (process {holder}) runs on {self.path}. "
                    "Stop it, or give this one a folder and a port of its own: DATA=… PORT=…"
                )
            time.sleep(POLL_SECONDS)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        for log in self.path.glob("logs/*.log"):
            if log.stat().st_size > LOG_LIMIT_BYTES:
                log.replace(log.with_suffix(".log.old"))

    def release(self) -> None:
        """Lets another stack have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def ports(self, names: list[str], fixed: dict[str, int]) -> dict[str, int]:
        """A port for each name: a fixed one, the one of last time, or a free one.

        A remembered port that something else took meanwhile is replaced.

        Raises:
            StartError: a fixed port is taken.
        """
        remembered: dict[str, int] = self.read("ports.json")
        fresh = iter(free_ports(len(names)))
        chosen = {}
        for name in names:
            port = fixed.get(name) or remembered.get(name) or next(fresh)
            if not _becomes_free(port):
                if name in fixed:
                    raise StartError(f"Port {port} for the {name} is taken. Choose another: PORT=…")
                port = next(fresh)
            chosen[name] = port
        self.write("ports.json", chosen)
        return chosen

    def secret(self, name: str) -> str:
        """A random secret of this folder, made when first asked for."""
        known: dict[str, str] = self.read("secrets.json")
        if name not in known:
            known[name] = secrets.token_hex(24)
            self.write("secrets.json", known)
        return known[name]

    def read(self, name: str) -> dict[str, Any]:
        """What `write` stored under this file name; empty where it never did."""
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Stores a JSON object in one step, for this user's eyes only."""
        write_json(self.path / name, content)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replaces a file by a JSON object in one step; mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    Path(temporary).replace(path)


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _becomes_free(port: int) -> bool:
    deadline = time.monotonic() + PORT_WAIT_SECONDS
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
