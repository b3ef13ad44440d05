"""What messaging counts, for `GET /metrics`.

Labels take few values: topics and message types are those of the contracts, and
whatever else arrives counts as one type.
"""

from collections.abc import Sequence

from prometheus_client import Counter, Metric
from prometheus_client.core import GaugeMetricFamily

from libs.contracts.topics import MESSAGE_TYPES
from libs.messaging.outbox import Backlog
from libs.messaging.progress import Progress

OTHER_TYPE = "other"

HANDLED = Counter(
    "dossier_messages_handled_total",
    "Messages whose handling was committed, repeats included.",
    ("topic", "type"),
)
RETRIED = Counter(
    "dossier_messages_retried_total",
    "Messages whose handling failed and was tried again, once for each try.",
    ("topic", "type"),
)
DEAD_LETTERS = Counter(
    "dossier_dead_letters_total",
    "Messages that were put into the dead letters of their topic.",
    ("topic", "type"),
)
PUBLISHED = Counter(
    "dossier_publishes_total",
    "Messages given to Kafka, by outcome: acknowledged, refused, too large or unknown.",
    ("topic", "outcome"),
)
COMMIT_FAILURES = Counter(
    "dossier_offset_commit_failures_total",
    "Commits of offsets that failed; what they were to commit is delivered again.",
    ("consumer",),
)


def type_label(message_type: str) -> str:
    """A message type as a label: anybody can send a type, but no new time series."""
    return message_type if message_type in MESSAGE_TYPES else OTHER_TYPE


def consumer_metrics(consumers: Sequence[Progress]) -> list[Metric]:
    """Gauges of what waits for the consumers of a process."""
    lag = GaugeMetricFamily(
        "dossier_consumer_lag",
        "Messages on this process's partitions that it has not handled yet, "
        "by the ends of the partitions in its last fetches.",
        labels=("consumer", "topic"),
    )
    stalled = GaugeMetricFamily(
        "dossier_consumer_stalled_seconds",
        "How long messages have waited and none was handled. "
        "A worker lets tasks wait while all its places are taken.",
        labels=("consumer",),
    )
    for consumer in consumers:
        stalled.add_metric((consumer.name,), consumer.stalled_s())
        for topic, messages in consumer.lag.items():
            lag.add_metric((consumer.name, topic), messages)
    return [lag, stalled]


def outbox_metrics(backlog: Backlog) -> list[Metric]:
    """Gauges of a service's outbox."""
    return [
        GaugeMetricFamily(
            "dossier_outbox_rows",
            "Messages that are not published yet, or were within the last second.",
            value=backlog.rows,
        ),
        GaugeMetricFamily(
            "dossier_outbox_oldest_seconds",
            "Age of the oldest of them; 0 without any.",
            value=backlog.oldest_s,
        ),
    ]
