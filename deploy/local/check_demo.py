"""Checks what a demo wrote: `python -m deploy.local.check_demo demo.json`."""

import json
import sys
from pathlib import Path
from typing import Any

MIN_CLAIMS = 5
MIN_SOURCES_READ = 3


def problems(summary: dict[str, Any]) -> list[str]:
    """What is wrong with a demo's summary; empty when it is as promised."""
    found = []
    body = summary["context"]
    filled = [
        f"{section}.{name}"
        for section, fields in body["context"].items()
        if section != "extra"
        for name, value in (fields or {}).items()
        if value
    ]
    found += [f"{path} has no evidence" for path in filled if not body["evidence"].get(path)]
    if not filled:
        found.append("no field of the context is filled")
    content = summary["report"]["content"]
    if len(content["claims"]) < MIN_CLAIMS:
        found.append(f"the report has {len(content['claims'])} claims, not {MIN_CLAIMS}")
    known = {source["id"] for source in content["sources"]}
    found += [
        f"a claim names the unknown source {claim['source_id']}"
        for claim in content["claims"]
        if claim["source_id"] not in known or not claim["quote"]
    ]
    read = {source["url"] for source in summary["sources"] if source["status"] == "read"}
    if len(read) < MIN_SOURCES_READ:
        found.append(f"only {len(read)} pages were read")
    if not summary["ledger"]:
        found.append("the ledger is empty")
    return found


def main() -> None:
    found = problems(json.loads(Path(sys.argv[1]).read_text()))
    for problem in found:
        sys.stderr.write(f"demo: {problem}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
