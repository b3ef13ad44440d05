"""`dossier up`, with every process told to reach its neighbours through its own links."""

import json
import os
import re
import sys
from collections.abc import Mapping

from deploy.local import cli, system
from deploy.local.system import Declared
from tests.faults.plan import BROKER, POSTGRES

LINK_PORTS = "FAULTS_LINK_PORTS"
"""Environment variable: the ports of all links, by process and target, in JSON."""
PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")


def through_links(
    process: Declared, environment: Mapping[str, str], ports: Mapping[str, int]
) -> dict[str, str]:
    """The settings of a process, with its neighbours' addresses replaced by those of links."""
    settings = {POSTGRES: f"{process.prefix}_DATABASE_URL", BROKER: "DOSSIER_KAFKA_BOOTSTRAP"}
    detoured = dict(environment)
    for target, port in ports.items():
        name = settings.get(target, f"DOSSIER_{target.upper()}_URL")
        detoured[name], replaced = PORT.subn(str(port), environment[name])
        assert replaced == 1, f"{name} of {process.name} names no port of loopback"
    return detoured


def main() -> None:
    ports = json.loads(os.environ[LINK_PORTS])
    own_environment = system.own_environment

    def detoured(
        process: Declared, shared: Mapping[str, str], databases: Mapping[str, str]
    ) -> dict[str, str]:
        environment = own_environment(process, shared, databases)
        return through_links(process, environment, ports[process.name])

    system.own_environment = detoured
    sys.argv = ["dossier", *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
