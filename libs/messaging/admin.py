"""Creates the topics that the contracts declare: `python -m libs.messaging.admin`.

The embedded stack does it by itself.
"""

import asyncio
import sys
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from libs.contracts.topics import BURIED, DEAD_LETTERS_KEPT, TOPICS, dead_letters
from libs.messaging.settings import KafkaSettings

CREATE_TIMEOUT_S = 15.0
ALREADY_EXISTS = 36


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
                    replication_factor=settings.replication,
                    topic_configs={"retention.ms": str(kept // timedelta(milliseconds=1))},
                )
                for name, kept in declared().items()
                if name not in existing
            ]
            if missing:
                answer = await admin.create_topics(missing)
                for name, code, *rest in answer.topic_errors:
                    if code not in (0, ALREADY_EXISTS):  # somebody else has just created it
                        raise KafkaError(f"topic {name} was not created: error {code} {rest}")
            return [topic.name for topic in missing]
        finally:
            await admin.close()


def declared() -> dict[str, timedelta]:
    """The names of all topics, and how long each keeps its messages."""
    kept = {topic.name: topic.retention for topic in TOPICS}
    return kept | {dead_letters(topic.name): DEAD_LETTERS_KEPT for topic in BURIED}


if __name__ == "__main__":
    kafka = KafkaSettings()
    try:
        created = asyncio.run(ensure_topics(kafka))
    except (KafkaError, TimeoutError) as error:
        sys.exit(f"No topics were created on {kafka.bootstrap}: {error!r}")
    sys.stdout.write("".join(f"created {name}\n" for name in created) or "nothing was missing\n")
