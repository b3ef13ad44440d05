"""Kafka's records as the router wants them. Whatever stands in one, reading it does not fail.

What cannot be read here would be skipped, and so lost: only the router knows what to do
with poison. Bytes that are no UTF-8 become `\\xff`, so that two such words stay two.
"""

from typing import Any

from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from libs.messaging.bus import Incoming


async def unparsed(record: Any) -> KafkaMessage:
    """A FastStream parser that leaves the record alone.

    FastStream's own skips a record whose headers are no UTF-8, and sends an answer to the
    topic that a header `reply_to` names.
    """
    return KafkaMessage(raw_message=record, body=b"", consumer=FAKE_CONSUMER)


async def undecoded(message: Any) -> Any:
    """A FastStream decoder that hands over the record."""
    return message.raw_message


def incoming(record: Any) -> Incoming:
    """An aiokafka record as the router takes it; what is absent is empty."""
    return Incoming(
        topic=record.topic,
        key=_text(record.key),
        headers={name: _text(value) for name, value in record.headers},
        value=record.value or b"",
        partition=record.partition,
        offset=record.offset,
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="backslashreplace")
