"""A small stack to kill: `python -m tests.integration.local.mini_stack FOLDER PORT PORT`."""

import asyncio
import os
import sys
from pathlib import Path

from deploy.local.broker import Broker
from deploy.local.postgres import Postgres
from deploy.local.process import adopt_orphans
from deploy.local.program import Program
from deploy.local.run import run_until_stopped
from deploy.local.supervisor import Child, Supervisor

SLEEPER = "tests.integration.local.sleeper"


def say(line: str) -> None:
    print(line, flush=True)


async def main(folder: Path, postgres_port: int, broker_port: int) -> None:
    postgres = Postgres(folder / "postgres", postgres_port, durable=False)
    broker = Broker(folder / "broker", broker_port)
    with_child = dict(os.environ) | {"GRANDCHILD": "yes"}
    sleepers = [
        Child("plain", Program(SLEEPER, os.environ, folder / "plain.log", "")),
        Child("parent", Program(SLEEPER, with_child, folder / "parent.log", "")),
    ]
    supervisor = Supervisor(say)
    try:
        supervisor.launch([Child("postgres", postgres), Child("broker", broker)])
        broker.wait_ready()
        postgres.wait_ready()
        supervisor.launch(sleepers)
        supervisor.watch()
        say("ready")
        await asyncio.Event().wait()
    finally:
        await supervisor.stop()


if __name__ == "__main__":
    adopt_orphans()
    run_until_stopped(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
