"""Brings the declared system up on one machine, and down again."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping

import httpx

from deploy.local import first_keys, system
from deploy.local.broker import Broker
from deploy.local.first_keys import Keys
from deploy.local.folder import DataFolder
from deploy.local.postgres import Postgres
from deploy.local.process import StartError, tail
from deploy.local.program import Program
from deploy.local.supervisor import Child, Supervisor
from libs.messaging.admin import ensure_topics
from libs.messaging.settings import KafkaSettings
from libs.runtime.migrations import upgrade

READY_TIMEOUT_SECONDS = 90
POLL_SECONDS = 0.1


class Stack:
    """PostgreSQL, the broker and all our processes on one data folder.

    `say` gets a line for each thing that happened. `durable=False` is for folders that are
    thrown away.
    """

    def __init__(
        self,
        folder: DataFolder,
        say: Callable[[str], None],
        *,
        port: int | None = None,
        durable: bool = True,
        settings: Mapping[str, str] = os.environ,
    ) -> None:
        self._folder = folder
        self._say = say
        self._durable = durable
        self._port = port
        self._settings = settings
        self._supervisor = Supervisor(say)
        self._ports: dict[str, int] = {}

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return f"http://{system.HOST}:{self._ports['gateway']}"

    async def start(self) -> Keys:
        """Starts everything and returns once every process says that it is ready.

        Raises:
            StartError: something did not start. What did start is running: call `stop`.
        """
        began = time.monotonic()
        self._folder.acquire()
        fixed = {"gateway": self._port} if self._port else {}
        self._ports = self._folder.ports(system.PORTS, fixed)
        databases = await self._start_engines()
        self._say(f"PostgreSQL and broker answer after {time.monotonic() - began:.1f} s")
        await asyncio.gather(
            asyncio.to_thread(_migrate, databases),
            ensure_topics(self._kafka()),
            return_exceptions=False,
        )
        self._say(f"databases and topics are up to date after {time.monotonic() - began:.1f} s")
        programs = self._programs(databases)
        self._supervisor.launch([Child(name, program) for name, program in programs.items()])
        await asyncio.gather(*(_ready(name, program) for name, program in programs.items()))
        self._supervisor.watch()
        keys = await first_keys.ensure(self._folder, self.url, databases["gateway"])
        self._say(f"all {len(programs)} processes are ready after {time.monotonic() - began:.1f} s")
        return keys

    async def stop(self) -> None:
        """Ends every process and frees the folder. Safe at any point of `start`."""
        await self._supervisor.stop()
        self._folder.release()

    async def _start_engines(self) -> dict[str, str]:
        """PostgreSQL and the broker; answers the URLs of the services' databases."""
        broker = Broker(
            self._folder.path / "broker", self._ports["broker"], log=self._folder.log("broker")
        )
        postgres = Postgres(
            self._folder.path / "postgres",
            self._ports["postgres"],
            durable=self._durable,
            log=self._folder.log("postgres"),
        )

        async def topics_again() -> None:
            await asyncio.to_thread(broker.wait_ready)
            await ensure_topics(self._kafka())
            self._say("the broker is back; its topics were created again")

        self._supervisor.launch(
            [Child("broker", broker, after_restart=topics_again), Child("postgres", postgres)]
        )
        await asyncio.gather(
            asyncio.to_thread(broker.wait_ready), asyncio.to_thread(postgres.wait_ready)
        )
        return await asyncio.to_thread(
            lambda: {
                name: postgres.ensure_database(name, self._folder.secret(f"database.{name}"))
                for name in system.SERVICES
            }
        )

    def _kafka(self) -> KafkaSettings:
        return KafkaSettings(
            bootstrap=f"{system.HOST}:{self._ports['broker']}",
            embedded=True,
            partitions=int(
                self._settings.get(system.PARTITIONS, system.DEFAULTS[system.PARTITIONS])
            ),
        )

    def _programs(self, databases: Mapping[str, str]) -> dict[str, Program]:
        shared = system.environment(
            self._settings, self._ports, self._folder.secret("internal_token")
        )
        return {
            process.name: Program(
                process.module,
                system.own_environment(process, shared, databases),
                self._folder.log(process.name),
                f"http://{system.HOST}:{self._ports[process.name]}",
                process.nice,
            )
            for process in system.PROCESSES
        }


def _migrate(databases: Mapping[str, str]) -> None:
    for service, url in databases.items():  # one by one: Alembic's context is a global
        upgrade(service, url)


async def _ready(name: str, program: Program) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    answer = "no answer"
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline:
            if program.process is None or program.process.poll() is not None:
                raise StartError(
                    f"The process {name} ended at once. Its log, {program.log}, ends with:\n"
                    + tail(program.log)
                )
            try:
                response = await client.get(f"{program.url}/readyz")
            except httpx.TransportError:
                pass
            else:
                if response.status_code == httpx.codes.OK:
                    return
                answer = f"{response.status_code} {response.text[:200]}"
            await asyncio.sleep(POLL_SECONDS)
    raise StartError(
        f"The process {name} was not ready within {READY_TIMEOUT_SECONDS} s; GET /readyz: "
        f"{answer}. Its log, {program.log}, ends with:\n{tail(program.log)}"
    )
