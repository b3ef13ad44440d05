"""Topics are made as they are declared."""

from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.broker import Broker
from libs.contracts.topics import BURIED, TOPICS, dead_letters
from libs.messaging.admin import ensure_topics
from tests.integration.messaging.kafka_kit import settings_of


async def test_topics_are_created_once_with_their_partitions(own_broker: Broker) -> None:
    settings = settings_of(own_broker, partitions=6)
    expected = {topic.name for topic in TOPICS} | {dead_letters(topic.name) for topic in BURIED}
    assert set(await ensure_topics(settings)) == expected
    assert await ensure_topics(settings) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=own_broker.bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(sorted(expected))
    finally:
        await admin.close()
    assert {topic["topic"]: len(topic["partitions"]) for topic in described} == dict.fromkeys(
        expected, 6
    )


async def test_only_what_is_missing_is_created(own_broker: Broker) -> None:
    await ensure_topics(settings_of(own_broker))
    admin = AIOKafkaAdminClient(bootstrap_servers=own_broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([TOPICS[0].name])
    finally:
        await admin.close()
    assert await ensure_topics(settings_of(own_broker)) == [TOPICS[0].name]
