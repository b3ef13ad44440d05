"""The metrics of a real service, over HTTP: what they count has really happened."""

import asyncio
import secrets
import signal
from pathlib import Path

import asyncpg
import pytest

from deploy.local.broker import Broker
from deploy.local.postgres import Postgres
from libs.contracts.credits import CreditReturnRequested
from tests.integration.runtime.conftest import kafka_of
from tests.integration.runtime.credits_process import CreditsProcess, credits_process

TOO_LARGE = b"x" * 1_100_000
ADD_UNSENT = """
    INSERT INTO outbox (id, type, topic, key, headers, value, created_at)
    VALUES ($1, 'CreditHeld', 'credits.events.v1', 'k', '{}', $2, now() - interval '1 hour')
"""


async def test_they_are_prometheus_text_and_hold_nothing_of_a_tenant(
    process: CreditsProcess,
) -> None:
    account = await process.account(3)
    run_id = await process.ask_for_hold(account)
    await process.reaches("dossier_open_holds", 1)
    answer = await process.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for private in (account, run_id, "a-token-for-tests", process.database_url):
        assert private not in answer.text
    assert "process_resident_memory_bytes" in answer.text
    assert 'route="/grants"' in answer.text
    await process.send(CreditReturnRequested(run_id=run_id, account_id=account, reason="test"))
    await process.falls("dossier_open_holds")


async def test_an_open_hold_is_there_with_its_age(process: CreditsProcess) -> None:
    account = await process.account(3)
    run_id = await process.ask_for_hold(account)
    await process.reaches("dossier_open_holds", 1)
    await process.reaches("dossier_open_holds_oldest_seconds", 1)
    await process.send(CreditReturnRequested(run_id=run_id, account_id=account, reason="test"))
    await process.falls("dossier_open_holds")
    await process.falls("dossier_open_holds_oldest_seconds")


async def test_what_a_service_handles_and_publishes_is_counted(process: CreditsProcess) -> None:
    before = await process.metrics()
    account = await process.account(3)
    await process.ask_for_hold(account)
    await process.ask_for_hold(account)
    for counter in ("dossier_messages_handled_total", "dossier_publishes_total"):
        await process.reaches(counter, before.get(counter, 0) + 2)


async def test_messages_that_a_handler_does_not_get_done_show_as_lag_and_as_stalled(
    process: CreditsProcess,
) -> None:
    account = await process.account(3)
    async with process.locked(account):
        await process.ask_for_hold(account)
        await process.ask_for_hold(account)
        await process.reaches("dossier_consumer_lag", 2)
        await process.reaches("dossier_consumer_stalled_seconds", 2)
    await process.falls("dossier_consumer_lag")
    await process.falls("dossier_consumer_stalled_seconds")


async def test_a_message_that_the_broker_does_not_take_shows_with_its_age(
    process: CreditsProcess,
) -> None:
    refused = 'dossier_publishes_total{outcome="too large",topic="credits.events.v1"}'
    assert refused not in (await process.http.get("/metrics")).text
    message_id = secrets.token_hex(8)
    await process.rows(ADD_UNSENT, message_id, TOO_LARGE)
    try:
        await process.reaches("dossier_outbox_rows", 1)
        await process.reaches("dossier_outbox_oldest_seconds", 3600)
        await process.shows(refused)
    finally:
        await process.rows("DELETE FROM outbox WHERE id = $1", message_id)
    await process.falls("dossier_outbox_oldest_seconds", 60)


async def test_a_database_that_hangs_does_not_hold_up_the_rest(process: CreditsProcess) -> None:
    connection = await asyncpg.connect(process.database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE holds IN ACCESS EXCLUSIVE MODE")
            await process.falls("dossier_database_up")
            totals = await process.metrics()
            assert "dossier_outbox_rows" not in totals
            assert "dossier_open_holds" not in totals
            assert "dossier_consumer_lag" in totals
    finally:
        await connection.close()
    await process.reaches("dossier_database_up", 1)
    await process.reaches("dossier_open_holds", 0)


@pytest.mark.timeout(120)
async def test_without_its_database_a_service_tells_the_rest(
    own_broker: Broker, own_postgres: Postgres, tmp_path: Path
) -> None:
    url = own_postgres.ensure_database("credits", "secret")
    async with credits_process(url, kafka_of(own_broker), tmp_path) as process:
        assert (await process.metrics())["dossier_database_up"] == 1
        await asyncio.to_thread(own_postgres.stop)
        await process.falls("dossier_database_up")
        assert "dossier_consumer_lag" in await process.metrics()
        await asyncio.to_thread(own_postgres.start)
        await process.reaches("dossier_database_up", 1)


@pytest.mark.timeout(120)
async def test_a_commit_that_failed_is_counted(
    own_broker: Broker, postgres: Postgres, tmp_path: Path
) -> None:
    """The broker hangs between a message's arrival and the commit of its offset."""
    assert own_broker.process is not None
    url = postgres.ensure_database(f"commits_{secrets.token_hex(6)}", "secret")
    async with credits_process(url, kafka_of(own_broker), tmp_path) as process:
        account = await process.account(3)
        async with process.locked(account):
            run_id = await process.ask_for_hold(account)
            await process.reaches("dossier_consumer_lag", 1)
            own_broker.process.send_signal(signal.SIGSTOP)
        try:
            await process.reaches("dossier_offset_commit_failures_total", 1)
        finally:
            own_broker.process.send_signal(signal.SIGCONT)
        held = await process.rows("SELECT state FROM holds WHERE run_id = $1", run_id)
        assert [row["state"] for row in held] == ["held"]
