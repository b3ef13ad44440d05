"""A migrated database of credits for all tests here."""

import pytest

from deploy.local.postgres import Postgres
from libs.runtime.migrations import upgrade


@pytest.fixture(scope="session")
def ledger_url(postgres: Postgres) -> str:
    """The URL of a database with the tables of credits; whoever uses it empties it first."""
    url = postgres.ensure_database("ledger", "ledger")
    upgrade("credits", url)
    return url
