"""How to reach Kafka."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """Environment variables `DOSSIER_KAFKA_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_KAFKA_", use_attribute_docstrings=True)

    bootstrap: str = "127.0.0.1:9092"
    """`host:port` of one or more brokers, separated by commas."""
    embedded: bool = False
    """Whether this is the embedded broker, which answers a waiting fetch only when it times out."""
    partitions: int = 4
    """Partitions of a topic that is created at start."""
    replication: int = 1
    """Copies of a topic that is created at start; with one, a lost broker takes messages along."""
    ack_timeout_s: float = 1.5
    """How long a publish waits for its acknowledgement before its outcome counts as unknown."""
    max_message_bytes: int = 1_000_000
    """The largest message the producer sends; a larger one is refused."""
    max_batch: int = 500
    """The most messages handled in one transaction."""
    busy_wait_ms: int = 8
    """Embedded broker only: longest wait of a fetch while messages keep coming."""
    idle_wait_ms: int = 150
    """Embedded broker only: longest wait of a fetch when nothing has come for a while."""
