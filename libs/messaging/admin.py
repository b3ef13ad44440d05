"""Creates the topics that the contracts declare."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from libs.contracts.topics import TOPICS, dead_letters
from libs.messaging.settings import KafkaSettings

CREATE_TIMEOUT_S = 15.0


async def ensure_topics(settings: KafkaSettings) -> list[str]:
    """Creates each declared topic, and its dead letters, that the broker does not have.

    Answers the names of those that it created. Existing topics are not changed.

    Raises:
        TimeoutError: the broker did not answer in time.
        KafkaError: the broker refused to create a topic.
    """
    async with asyncio.timeout(CREATE_TIMEOUT_S):
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap.split(","))
        await admin.start()
        try:
            existing = set(await admin.list_topics())
            missing = [
                NewTopic(
                    name=name,
                    num_partitions=settings.partitions,
                    replication_factor=1,
                    topic_configs={
                        "retention.ms": str(int(topic.retention.total_seconds() * 1000))
                    },
                )
                for topic in TOPICS
                for name in (topic.name, dead_letters(topic.name))
                if name not in existing
            ]
            if missing:
                answer = await admin.create_topics(missing)
                for name, code, *rest in answer.topic_errors:
                    # 36: somebody else has just created it.
                    if code not in (0, 36):
                        raise KafkaError(f"topic {name} was not created: error {code} {rest}")
            return [topic.name for topic in missing]
        finally:
            await admin.close()
