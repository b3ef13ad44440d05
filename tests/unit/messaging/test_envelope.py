"""The envelope survives the trip through Kafka headers."""

from datetime import datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from libs.contracts.envelope import Meta, ReplyAddress
from libs.contracts.research import ResearchTask
from libs.messaging.bus import Envelope
from libs.messaging.clock import new_traceparent, random_ids, trace_id
from tests.support.memory import START, TRACE, Counter


def meta(reply_to: ReplyAddress | None = None) -> Meta:
    return Meta(
        id="i",
        type="ResearchTask",
        source="/research",
        time=START + timedelta(microseconds=123),
        subject="run_1",
        traceparent=TRACE,
        reply_to=reply_to,
    )


@pytest.mark.parametrize("reply_to", [None, ReplyAddress(partition=0, correlation_id="c")])
def test_headers_round_trip(reply_to: ReplyAddress | None) -> None:
    assert Meta.from_headers(meta(reply_to).headers()) == meta(reply_to)


def test_headers_are_cloudevents_in_binary_mode() -> None:
    headers = meta().headers()
    required = {"ce_specversion", "ce_id", "ce_type", "ce_source"}
    assert required < headers.keys()
    assert headers["ce_specversion"] == "1.0"
    assert headers["content-type"] == "application/json"
    assert datetime.fromisoformat(headers["ce_time"]).tzinfo is not None
    assert "correlation_id" not in headers


def test_a_time_from_another_zone_is_the_same_instant() -> None:
    headers = meta().headers()
    there = meta().time.astimezone(timezone(timedelta(hours=2)))
    assert Meta.from_headers({**headers, "ce_time": there.isoformat()}).time == meta().time


def test_subject_and_trace_are_optional_for_other_writers() -> None:
    headers = meta().headers()
    del headers["ce_subject"], headers["traceparent"]
    read = Meta.from_headers(headers)
    assert (read.subject, read.traceparent) == ("", "")


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "ce_time"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = meta().headers()
    del headers[name]
    with pytest.raises(KeyError, match=name):
        Meta.from_headers(headers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ce_time": "soon"},
        {"ce_time": "2026-04-22T10:15:00"},  # no zone
        {"reply_partition": "two", "correlation_id": "c"},
    ],
)
def test_a_malformed_header_is_a_value_error(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        Meta.from_headers({**meta().headers(), **wrong})


def test_a_wrapped_message_goes_to_its_topic_under_its_key() -> None:
    wrapped = Envelope(source="/research", ids=Counter()).wrap(
        ResearchTask(run_id="run_1"), now=START, trace=TRACE
    )
    assert (wrapped.id, wrapped.type) == ("id1", "ResearchTask")
    assert (wrapped.topic, wrapped.key) == ("research.tasks.v1", "run_1")
    assert wrapped.durable
    assert wrapped.partition is None
    assert wrapped.headers["ce_id"] == wrapped.id


def test_messages_are_immutable() -> None:
    message = ResearchTask(run_id="1")
    with pytest.raises(ValidationError, match="frozen"):
        message.run_id = "2"  # type: ignore[misc]


def test_a_new_trace_is_well_formed() -> None:
    trace = new_traceparent(random_ids)
    version, trace_part, span, flags = trace.split("-")
    assert (version, flags) == ("00", "01")
    assert (len(trace_part), len(span)) == (32, 16)
    assert trace_id(trace) == trace_part
    assert trace_id("nonsense") == ""
