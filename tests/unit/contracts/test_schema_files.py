"""The committed schemas and examples are those of the code, and old readers survive it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from libs.contracts import schema_files
from libs.contracts.envelope import Meta
from libs.contracts.research import ReportContent
from libs.contracts.schema_files import EXAMPLES, REPORT_CONTENT, SCHEMAS
from libs.contracts.topics import MESSAGE_TYPES, TOPICS
from libs.messaging.bus import Envelope

MESSAGES = sorted(f"{topic.name}/{m.type_name()}" for topic in TOPICS for m in topic.messages)


def schema(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return content


def example(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return content


def validate(body: Any, against: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(
        against, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(body)


def test_the_schemas_are_up_to_date() -> None:
    assert schema_files.outdated() == []


def test_every_message_has_an_example_and_every_example_a_message() -> None:
    assert schema_files.unpaired_examples() == []


@pytest.mark.parametrize("base", ["HEAD", "origin/main"])
def test_nothing_breaks_those_who_know_the_committed_schemas(base: str) -> None:
    assert schema_files.incompatible(base) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_validates(name: str) -> None:
    validate(example(name)["body"], schema(name))


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_uses_only_fields_that_its_schema_names(name: str) -> None:
    """Schemas let unknown fields pass, so validation alone would not see a wrong name."""
    validate(example(name)["body"], _closed(schema(name)))


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_is_what_we_write(name: str) -> None:
    golden = example(name)
    meta = Meta.from_headers(golden["headers"])
    message = MESSAGE_TYPES[meta.type].model_validate_json(json.dumps(golden["body"]))
    outgoing = Envelope(source=meta.source, ids=lambda: meta.id).wrap(
        message, now=meta.time, trace=meta.traceparent, reply_to=meta.reply_to
    )
    assert json.loads(outgoing.value) == golden["body"]
    assert outgoing.headers == golden["headers"]
    assert outgoing.key == golden["key"]
    assert outgoing.topic == name.partition("/")[0]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_field_from_a_newer_writer_is_ignored(name: str) -> None:
    golden = example(name)
    model = MESSAGE_TYPES[golden["headers"]["ce_type"]]
    newer = {**golden["body"], "added_by_a_newer_writer": 1}
    assert model.model_validate(newer) == model.model_validate(golden["body"])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_missing_required_field_is_noticed_by_schema_and_model_alike(name: str) -> None:
    golden = example(name)
    model = MESSAGE_TYPES[golden["headers"]["ce_type"]]
    for field in schema(name)["required"]:
        body = {key: value for key, value in golden["body"].items() if key != field}
        with pytest.raises(jsonschema.ValidationError):
            validate(body, schema(name))
        with pytest.raises(ValueError, match=field):
            model.model_validate(body)


def test_the_report_schema_describes_what_is_written() -> None:
    published = json.loads((SCHEMAS / REPORT_CONTENT).read_text())
    report = ReportContent(
        generator="offline",
        summary="s",
        background="b",
        company_intel="c",
        outreach_angles=(),
        claims=(),
        sources=(),
    )
    written = json.loads(report.model_dump_json())
    validate(written, _closed(published))
    with pytest.raises(jsonschema.ValidationError):
        validate({**written, "schema_version": "2"}, published)


def test_an_icp_score_is_a_percentage() -> None:
    published = json.loads((SCHEMAS / REPORT_CONTENT).read_text())
    score = {**published["properties"]["icp_score"], "$defs": published["$defs"]}
    for fine in (0, 100, None):
        validate(fine, score)
    for wrong in (-1, 101, "50"):
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong, score)


def test_the_check_sees_orphans_and_stale_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_files, "SCHEMAS", tmp_path / "schemas")
    monkeypatch.setattr(schema_files, "EXAMPLES", tmp_path / "examples")
    assert all("missing" in line for line in schema_files.outdated())
    assert all("missing" in line for line in schema_files.unpaired_examples())
    written = schema_files.write()
    assert written == sorted(schema_files.generate())
    assert schema_files.write() == []
    (tmp_path / "schemas" / written[0]).write_text("{}")
    (tmp_path / "schemas" / "Gone.json").write_text("{}")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "Gone.json").write_text("{}")
    stale = schema_files.outdated()
    assert any("make schemas" in line and written[0] in line for line in stale)
    assert any("Gone.json belongs to no message" in line for line in stale)
    assert "examples/Gone.json belongs to no message" in schema_files.unpaired_examples()
    assert set(schema_files.write()) == {"Gone.json", written[0]}


def _closed(part: Any) -> Any:
    """The same schema with no room for fields that it does not name."""
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    closed = {key: _closed(value) for key, value in part.items()}
    if part.get("type") == "object" and "properties" in part:
        closed["additionalProperties"] = False
    return closed
