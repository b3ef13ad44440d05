"""Whatever stands in a topic, the good message right behind it is handled.

The router, the ledger's database and the broker are real, and every record that is not
handled lies in the dead letters.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.postgres import Postgres
from libs.messaging.dead_letters import survey
from libs.messaging.metrics import DEAD_LETTERS, HANDLED
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import fresh_group
from tests.integration.messaging.letters_kit import (
    COMMANDS,
    Header,
    Ledger,
    credits_on,
    eventually,
    headers_of,
    hold,
    ledger_at,
    letters,
    raw_producer,
    returning,
)

GOOD = headers_of(hold("run", "account"))
BODY = json.loads(hold("run", "account").value)
DEEP = 20_000
HUGE = 10**400

any_bytes = st.binary(max_size=50)
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([HUGE, -HUGE, 2**31, 2**63, 1e308])
    | st.floats(allow_nan=True)
    | st.text()
    | st.sampled_from(["\0", "run \0", "x" * 3000, "DEEP_RESEARCH", "9999-12-31T23:59:59+14:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
changed_body = st.dictionaries(st.sampled_from(sorted(BODY)), any_json).map(
    lambda changes: json.dumps(BODY | changes).encode()
)
missing_fields = st.sets(st.sampled_from(sorted(BODY))).map(
    lambda gone: json.dumps({name: BODY[name] for name in BODY if name not in gone}).encode()
)
# These the schema lets pass; the database does not store all of them.
words = st.text() | st.sampled_from(["\0", "run \0", "x" * 3_000, "é" * 100_000, "@grants", ""])
well_formed = st.fixed_dictionaries({"run_id": words, "account_id": words}).map(
    lambda changes: json.dumps(BODY | changes).encode()
)
bodies = st.one_of(
    well_formed,
    st.none(),
    any_bytes,
    changed_body,
    missing_fields,
    any_json.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * DEEP, b'{"run_id":' * DEEP, b"9" * 5000, b"\xff\xfe", b"{}"]),
)
header_values = st.none() | any_bytes | st.text().map(str.encode)
changed_headers = st.dictionaries(
    st.sampled_from([name for name, _ in GOOD]) | st.text(min_size=1, max_size=8), header_values
).map(lambda changes: list((dict(GOOD) | changes).items()))
headers = st.one_of(
    st.just(GOOD),
    changed_headers,
    st.lists(st.tuples(st.text(max_size=8), header_values), max_size=4),
    st.sampled_from(["NoSuchType", "ResearchTask", "CreditGranted", "\0", ""]).map(
        lambda kind: list((dict(GOOD) | {"ce_type": kind.encode()}).items())
    ),
)
records = st.lists(st.tuples(st.none() | any_bytes, bodies, headers), min_size=1, max_size=5)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ledger(postgres: Postgres) -> AsyncIterator[Ledger]:
    url = await asyncio.to_thread(postgres.ensure_database, "rubbish", secrets.token_hex(8))
    async with ledger_at(url) as ledger:
        yield ledger


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def producer(lone: KafkaSettings, ledger: Ledger) -> AsyncIterator[AIOKafkaProducer]:
    """Sends to a credits service that runs."""
    async with credits_on(lone, ledger, fresh_group()), raw_producer(lone) as producer:
        yield producer


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rubbish=records, partition=st.sampled_from([0, 1]))
async def test_a_good_message_behind_rubbish_is_handled(
    producer: AIOKafkaProducer,
    ledger: Ledger,
    rubbish: list[tuple[bytes | None, bytes | None, list[Header]]],
    partition: int,
) -> None:
    before = met_their_fate()
    for key, body, some in rubbish:
        if key is None and body is None:
            key = b""  # aiokafka sends no record without both
        await producer.send(COMMANDS, body, key=key, headers=some, partition=partition)
    good = returning(f"run_{secrets.token_hex(8)}", "account")
    await producer.send(
        COMMANDS, good.value, key=b"account", headers=headers_of(good), partition=partition
    )
    await eventually(lambda: ledger.state_of(json.loads(good.value)["run_id"]), 10)
    async with asyncio.timeout(2):  # the counting follows the commit
        while met_their_fate() - before < len(rubbish) + 1:
            await asyncio.sleep(0.02)
    assert met_their_fate() - before == len(rubbish) + 1


def met_their_fate() -> float:
    """How many commands were handled or buried by this process."""
    return sum(
        sample.value
        for counter in (HANDLED, DEAD_LETTERS)
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["topic"] == COMMANDS
    )


@pytest.mark.parametrize(
    "headers",
    [
        [("ce_id", b"\xff"), *GOOD[2:]],
        [("ce_id", None), *GOOD[2:]],
        [("reply_to", b"research.tasks.v1"), ("ce_type", b"\xff\xfe")],
        [],
    ],
    ids=["no UTF-8", "null", "reply_to", "none"],
)
async def test_what_cannot_be_read_is_kept_and_never_skipped(
    lone: KafkaSettings, producer: AIOKafkaProducer, headers: list[Header]
) -> None:
    """FastStream's own parser skips the first of these, and answers the third."""
    key = secrets.token_hex(8)
    await producer.send_and_wait(COMMANDS, b"{", key=key.encode(), headers=headers)
    await eventually(lambda: letters(lone, key), 10)
    [letter] = await letters(lone, key)
    assert {name for name, _ in headers} <= letter.headers.keys()
    assert not (await survey(lone, ["research.tasks.v1"], 0)).letters
