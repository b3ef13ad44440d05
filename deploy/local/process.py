"""Child processes that end with their parent, whatever ends it."""

import contextlib
import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOG_TAIL_BYTES = 4000

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StartError(Exception):
    """A program did not start or did not answer; the message says which, why and what to do."""


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    death_signal: signal.Signals | None = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Starts a program in a session of its own, its output appended to `log`.

    The session keeps a Ctrl-C in the terminal with the parent, which then stops its children
    in order. On Linux the kernel sends `death_signal` when the *thread* that called this
    ends, so call it from a thread that lives as long as the child may.
    `None` leaves that to the program itself.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            preexec_fn=_die_with_parent(death_signal) if death_signal else None,
        )


def stop(process: subprocess.Popen[bytes], request: signal.Signals, grace_seconds: float) -> None:
    """Asks a child to end, and after the grace time ends it with all that it started."""
    if process.poll() is None:
        process.send_signal(request)
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            kill_tree(process)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Ends a child and its descendants at once."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its descendants leave behind (Linux)."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Asks the kernel to send this process SIGTERM when its parent ends (Linux)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "(no log was written)"
    return "\n".join(text.splitlines()[-lines:])


def bundled(package: str, *parts: str) -> Path:
    """A path inside an installed package, which is not imported: that may have side effects."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"The package {package} is not installed: run `make install`.")
    return Path(spec.submodule_search_locations[0]).resolve().joinpath(*parts)


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    libc = _libc
    if libc is None:
        return None
    parent = os.getpid()

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before the kernel knew whom to watch
            os.kill(os.getpid(), death_signal)

    return before_exec
