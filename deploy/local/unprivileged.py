"""How root starts a program that refuses to run as root: as `nobody`."""

import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

from deploy.local.process import StartError

USER = "nobody"


def is_root() -> bool:
    """Whether a program has to be started as somebody else."""
    return os.geteuid() == 0


def prefix(needed: Sequence[Path], death_signal: str = "clear") -> list[str]:
    """What to put before a command so that root's child is an unprivileged one; else nothing.

    `needed` are the files and folders that the program uses. Where one lies under a folder that
    only root may enter (a clone in /root), the child also gets the one capability that lets
    it pass, also in access(2), hence the securebit. `death_signal` is sent when the parent ends;
    it is set here since a change of user clears what the parent asked for.

    Raises:
        StartError: `setpriv` is not installed.
    """
    if not is_root():
        return []
    if shutil.which("setpriv") is None:
        raise StartError("PostgreSQL must not run as root: install util-linux for `setpriv`.")
    owner = pwd.getpwnam(USER)
    argv = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    argv += ["--pdeathsig", death_signal]
    if not all(_open_to_all(path) for path in needed):
        argv += ["--securebits=+no_setuid_fixup"]
        argv += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
    return [*argv, "--"]


def give(*paths: Path) -> None:
    """Makes the unprivileged user the owner of files that root has just made."""
    if is_root():
        owner = pwd.getpwnam(USER)
        for path in paths:
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)
