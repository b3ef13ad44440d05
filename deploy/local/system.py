"""The whole system on one screen: its processes, where they listen and what they are told.

`stack.py` runs what is declared here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
GATEWAY_PORT = 8710


@dataclass(frozen=True)
class Declared:
    """One process of ours. `prefix` is what its settings begin with.

    `nice` lowers its claim on the processors: crawling must not slow the API down.
    """

    name: str
    module: str
    prefix: str
    database: bool
    nice: int = 0


PROCESSES = (
    Declared("credits", "services.credits", "DOSSIER_CREDITS", database=True),
    Declared("context", "services.context", "DOSSIER_CONTEXT", database=True),
    Declared("research", "services.research", "DOSSIER_RESEARCH", database=True),
    Declared("gateway", "services.gateway", "DOSSIER_GATEWAY", database=True),
    Declared(
        "context-worker",
        "services.context.worker",
        "DOSSIER_CONTEXT_WORKER",
        database=False,
        nice=10,
    ),
    Declared(
        "research-worker",
        "services.research.worker",
        "DOSSIER_RESEARCH_WORKER",
        database=False,
        nice=10,
    ),
)
PARTITIONS = "DOSSIER_KAFKA_PARTITIONS"
DEFAULTS = {
    "DOSSIER_LOG_LEVEL": "INFO",
    PARTITIONS: "1",  # one process of each kind reads them all, and each costs a bit of every fetch
    "PYTHONUNBUFFERED": "1",
    "MALLOC_ARENA_MAX": "2",  # glibc otherwise keeps an arena per thread: memory for nothing
}
SERVICES = tuple(process.name for process in PROCESSES if process.database)
PORTS = ["postgres", "broker", *(process.name for process in PROCESSES)]


def environment(
    inherited: Mapping[str, str], ports: Mapping[str, int], internal_token: str
) -> dict[str, str]:
    """The settings of all processes: what the caller set, and how they find each other.

    Addresses are the stack's own business and win over inherited ones; all else that the
    caller set is passed on.
    """
    wiring = {
        "DOSSIER_KAFKA_BOOTSTRAP": f"{HOST}:{ports['broker']}",
        "DOSSIER_KAFKA_EMBEDDED": "true",
        "DOSSIER_INTERNAL_TOKEN": internal_token,
        "DOSSIER_CONTEXT_URL": f"http://{HOST}:{ports['context']}",
        "DOSSIER_RESEARCH_URL": f"http://{HOST}:{ports['research']}",
        "DOSSIER_CREDITS_URL": f"http://{HOST}:{ports['credits']}",
    }
    for process in PROCESSES:
        wiring[f"{process.prefix}_HOST"] = HOST
        wiring[f"{process.prefix}_PORT"] = str(ports[process.name])
    return DEFAULTS | dict(inherited) | wiring


def own_environment(
    process: Declared, shared: Mapping[str, str], databases: Mapping[str, str]
) -> dict[str, str]:
    """The settings of one process: the shared ones, and the database that is its own.

    `databases` maps a service to the URL of its database.
    """
    own = {}
    if process.database:
        own[f"{process.prefix}_DATABASE_URL"] = databases[process.name]
    return dict(shared) | own
