"""The stack that most tests share, and the sites that it may read.

Tests that break a stack start one of their own: see `fault_stack`.
"""

from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.demo_site.site import served
from deploy.local.ports import free_ports
from tests.e2e.api import Admin
from tests.e2e.database import Databases
from tests.e2e.probe import Probe, make_probe
from tests.e2e.site import Site
from tests.e2e.stack import Up

SETTINGS = {
    "DOSSIER_CRAWL_ALLOW_HOSTS": "127.0.0.1",
    # Deadlines that a test would otherwise wait for.
    "DOSSIER_WORK_LEASE_S": "6",
    "DOSSIER_WORK_RESEND_S": "3",
    # Runs that a test holds up do not keep those of others waiting.
    "DOSSIER_RESEARCH_WORKER_CONCURRENCY": "4",
}
# Long enough for a service that hung to take up a command, short enough to wait for its end.
FAULT_SETTINGS = {
    "DOSSIER_GATEWAY_COMMAND_TTL_S": "20",
    "DOSSIER_GATEWAY_REPLY_WAIT_S": "4",
}


@pytest.fixture(scope="session")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """A stack that no test breaks."""
    up = Up(tmp_path_factory.mktemp("shared") / "data", free_ports(1)[0], SETTINGS)
    up.launch()
    await up.ready()
    yield up
    await up.stop()


@pytest.fixture(scope="session")
async def admin(up: Up) -> AsyncIterator[Admin]:
    """The administrator of the shared stack."""
    async with Admin(await up.ready()) as admin:
        yield admin


@pytest.fixture(scope="session")
def databases(up: Up) -> Databases:
    """The databases of the shared stack."""
    return Databases(up.folder)


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of this test's own."""
    with Site() as site:
        yield site


@pytest.fixture(scope="session")
def company_site() -> Iterator[str]:
    """The address of the bundled company site."""
    with served(free_ports(1)[0]) as origin:
        yield origin


@pytest.fixture
def dead_site() -> str:
    """The address of a site that refuses connections."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture(scope="session")
async def fault_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """A stack to break. Tests ask for `fault_up`."""
    up = Up(tmp_path_factory.mktemp("faults") / "data", free_ports(1)[0], SETTINGS | FAULT_SETTINGS)
    up.launch()
    await up.ready()
    yield up
    await up.stop()


@pytest.fixture(scope="session")
async def fault_admin(fault_stack: Up) -> AsyncIterator[Admin]:
    """The administrator of the stack to break."""
    async with Admin(await fault_stack.ready()) as admin:
        yield admin


@pytest.fixture(scope="session")
def fault_databases(fault_stack: Up) -> Databases:
    """The databases of the stack to break."""
    return Databases(fault_stack.folder)


@pytest.fixture(scope="session")
async def fault_probe(fault_stack: Up, fault_admin: Admin, fault_databases: Databases) -> Probe:
    """Tells whether the stack to break works."""
    return await make_probe(fault_stack, fault_admin, fault_databases)


@pytest.fixture
async def fault_up(fault_stack: Up, fault_probe: Probe) -> Up:
    """The stack to break, whole at the start of the test."""
    await fault_probe.works()
    return fault_stack
