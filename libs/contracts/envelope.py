"""What every message is: a frozen pydantic body in a CloudEvents 1.0 binary envelope.

The body is JSON in snake_case; the envelope lives in the Kafka headers
(`ce_id`, `ce_type`, `ce_source`, `ce_time`, `ce_subject`, `traceparent`,
`correlation_id`, `reply_partition`), so that a consumer can route a message
without parsing it.
"""

from datetime import datetime
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

SPEC_VERSION = "1.0"


class Frozen(BaseModel):
    """A value: immutable, and tolerant of fields that a newer writer added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Frozen):
    """A message body. `ce_type` is the class name.

    `KEY` names the field whose value is the Kafka key: messages that share it
    keep their order.
    """

    KEY: ClassVar[str]

    @classmethod
    def type_name(cls) -> str:
        return cls.__name__

    @property
    def key(self) -> str:
        value: str = getattr(self, self.KEY)
        return value


class Command(Message):
    """Asks an owner to act. Past `not_after` the owner rejects it with nothing done."""

    not_after: AwareDatetime


class ReplyAddress(Frozen):
    """Where an answer goes: a partition of `gateway.replies` and the id to match it by."""

    partition: int
    correlation_id: str


class Meta(Frozen):
    """The envelope of one message: its identity, where it came from and its trace."""

    id: str
    type: str
    source: str
    time: AwareDatetime
    subject: str
    traceparent: str
    reply_to: ReplyAddress | None = None

    def headers(self) -> dict[str, str]:
        """Kafka headers in the CloudEvents binary binding."""
        headers = {
            "ce_specversion": SPEC_VERSION,
            "ce_id": self.id,
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_time": self.time.isoformat(),
            "ce_subject": self.subject,
            "content-type": "application/json",
            "traceparent": self.traceparent,
        }
        if self.reply_to is not None:
            headers["correlation_id"] = self.reply_to.correlation_id
            headers["reply_partition"] = str(self.reply_to.partition)
        return headers

    @classmethod
    def from_headers(cls, headers: dict[str, str]) -> "Meta":
        """Reads what `headers()` wrote.

        Raises:
            KeyError, ValueError: a header is missing or malformed.
        """
        reply_to = None
        if "reply_partition" in headers:
            reply_to = ReplyAddress(
                partition=int(headers["reply_partition"]), correlation_id=headers["correlation_id"]
            )
        return cls(
            id=headers["ce_id"],
            type=headers["ce_type"],
            source=headers["ce_source"],
            time=datetime.fromisoformat(headers["ce_time"]),
            subject=headers.get("ce_subject", ""),
            traceparent=headers.get("traceparent", ""),
            reply_to=reply_to,
        )
