"""Runs a program that dies with its parent: `python tether.py PROGRAM [ARGUMENT…]`.

Started as a script of its own, because setting this up between fork and exec in
a process with threads can deadlock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above took effect
            sys.exit(1)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  the program is named by our own code


if __name__ == "__main__":
    main()
