"""JSON Schemas and golden examples of all messages, as files.

    schemas/<topic>/<Message>.json     what a message's body must be; generated
    schemas/report_content.json        what the `content` of a report is; generated
    examples/<topic>/<Message>.json    one message as it is on the wire: headers, key, body

`python -m libs.contracts.schema_files` writes the schemas; `--check` only says what is
wrong with them, with the examples, or with a change that old readers would not survive.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libs.contracts.research import REPORT_SCHEMA_VERSION, ReportContent
from libs.contracts.schema_changes import Schema, breaking_changes
from libs.contracts.topics import TOPICS

FOLDER = Path(__file__).parent
SCHEMAS = FOLDER / "schemas"
EXAMPLES = FOLDER / "examples"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REPORT_CONTENT = "report_content.json"
RUN = "run `make schemas` and commit the result"


def generate() -> dict[str, Schema]:
    """The schema of every message, and of a report's content, by file name under `schemas/`."""
    schemas = {
        f"{topic.name}/{message.type_name()}.json": message.model_json_schema()
        for topic in TOPICS
        for message in topic.messages
    }
    # As the API writes it: every member is always there.
    report = ReportContent.model_json_schema(mode="serialization")
    report["properties"]["schema_version"]["const"] = REPORT_SCHEMA_VERSION
    schemas[REPORT_CONTENT] = report
    return {name: {"$schema": DIALECT, **schema} for name, schema in schemas.items()}


def write() -> list[str]:
    """Brings the schema files up to date and answers the names of those that changed."""
    changed = []
    schemas = generate()
    for name, schema in schemas.items():
        path = SCHEMAS / name
        if not path.exists() or path.read_text() != _text(schema):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(schema))
            changed.append(name)
    for name in _names(SCHEMAS) - schemas.keys():
        (SCHEMAS / name).unlink()
        changed.append(name)
    return sorted(changed)


def outdated() -> list[str]:
    """Schema files that are missing, differ from the code, or belong to no message."""
    schemas = generate()
    there = _names(SCHEMAS)
    found = [f"schemas/{name} is missing: {RUN}" for name in schemas.keys() - there]
    found += [f"schemas/{name} belongs to no message: {RUN}" for name in there - schemas.keys()]
    found += [
        f"schemas/{name} differs from the code: {RUN}"
        for name in schemas.keys() & there
        if (SCHEMAS / name).read_text() != _text(schemas[name])
    ]
    return sorted(found)


def unpaired_examples() -> list[str]:
    """Messages without an example, and examples without a message."""
    messages = generate().keys() - {REPORT_CONTENT}
    examples = _names(EXAMPLES)
    found = [f"examples/{name} is missing: write one" for name in messages - examples]
    found += [f"examples/{name} belongs to no message" for name in examples - messages]
    return sorted(found)


def incompatible(base: str) -> list[str]:
    """What breaks readers or writers of the schemas committed at `base`, a git revision.

    Nothing where there is no such revision, or no git. A message that must
    change incompatibly gets a new topic version instead.
    """
    return [
        f"schemas/{name}: {change} (since {base})"
        for name, schema in sorted(generate().items())
        if (committed := _committed(base, name)) is not None
        for change in breaking_changes(committed, schema)
    ]


def problems(bases: tuple[str, ...] = ("HEAD", "origin/main")) -> Iterator[str]:
    """Everything that `--check` fails for."""
    yield from outdated()
    yield from unpaired_examples()
    for base in bases:
        yield from incompatible(base)


def _committed(base: str, name: str) -> Schema | None:
    try:
        shown = subprocess.run(  # noqa: S603 (no shell, and our own file names)
            ["git", "show", f"{base}:./schemas/{name}"],  # noqa: S607 (a developer's own git)
            cwd=FOLDER,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    schema: Schema | None = json.loads(shown.stdout) if shown.returncode == 0 else None
    return schema


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Writes or checks, says what it found, and answers the exit status."""
    out = sys.stdout.write
    if "--check" in sys.argv[1:]:
        found = list(problems())
        for line in found:
            out(f"{line}\n")
        return 1 if found else 0
    for name in write():
        out(f"changed schemas/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
