"""Runs a coroutine until it is done or somebody asks it to stop."""

import asyncio
import signal
from collections.abc import Coroutine

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_stopped(work: Coroutine[None, None, None]) -> bool:
    """Runs `work`; the first of `SIGNALS` cancels it, so that its `finally` blocks clean up.

    Further signals do not disturb the cleaning up: a terminal sends Ctrl-C to `make` and to
    us, and `make` passes it on once more.

    Returns:
        whether the work was done, rather than stopped.
    """

    async def main() -> bool:
        task = asyncio.ensure_future(work)
        stopped = False

        def stop() -> None:
            nonlocal stopped
            if not stopped:
                stopped = True
                task.cancel()

        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop)
        try:
            await task
        except asyncio.CancelledError:
            if not stopped:
                raise
            return False
        return True

    return asyncio.run(main())
