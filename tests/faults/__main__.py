"""`python -m tests.faults`: faults for `MINUTES` minutes, by the plan of `SEED`."""

import asyncio
import os
import signal
import sys

import uvloop

from tests.faults.run import faults

MINUTES = "5"
SEED = "1"


async def main() -> int:
    task = asyncio.current_task()
    assert task is not None
    for stop in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(stop, task.cancel)
    try:
        seed = int(os.environ.get("SEED") or SEED)
        return await faults(seed, 60 * float(os.environ.get("MINUTES") or MINUTES))
    except asyncio.CancelledError:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
