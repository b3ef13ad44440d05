"""How dead letters look on a terminal. What they say was written by others: nothing of it
reaches the terminal as a control character."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from libs.messaging.dead_letters import Replayed, Survey
from libs.messaging.letters import DeadLetter

WIDEST = 10_000
"""One line a letter, however narrow the terminal: it can be cut, searched and copied."""
KEY_CHARACTERS = 40
REASON_CHARACTERS = 100


def table(console: Console, found: Survey, topics: Sequence[str]) -> None:
    """The newest letters, and the counts of topics that have any."""
    if not found.letters:
        console.print("no dead letters")
        return
    letters = Table("id", "when", "type", "key", "reason", "origin", "", box=None)
    for one in found.newest:
        letters.add_row(
            str(one.place),
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            _short(one.type, KEY_CHARACTERS),
            _short(one.key, KEY_CHARACTERS),
            _short(one.reason, REASON_CHARACTERS),
            _short(one.origin, REASON_CHARACTERS),
            Text("replayed", style="green") if one.place in found.replayed else "",
        )
    _print_wide(console, letters)
    counts = Table("topic", "letters", "waiting", box=None)
    for topic in topics:
        if found.letters[topic]:
            counts.add_row(topic, str(found.letters[topic]), str(found.waiting(topic)))
    console.print()
    _print_wide(console, counts)


def as_json(found: Survey, topics: Sequence[str]) -> str:
    """The same for programs."""
    return json.dumps(
        {
            "letters": [
                {
                    "id": str(one.place),
                    "at": one.at.isoformat(),
                    "type": one.type,
                    "key": one.key,
                    "reason": one.reason,
                    "origin": one.origin,
                    "replayed": one.place in found.replayed,
                }
                for one in found.newest
            ],
            "topics": {
                topic: {"letters": found.letters[topic], "waiting": found.waiting(topic)}
                for topic in topics
            },
        },
        indent=2,
    )


def letter(console: Console, one: DeadLetter, *, replayed: bool, body: bool) -> None:
    """One letter with its headers."""
    rows = Table.grid(padding=(0, 2))
    rows.add_row("id", str(one.place))
    rows.add_row("when", f"{one.at:%Y-%m-%d %H:%M:%S} UTC")
    rows.add_row("reason", _printable(one.reason))
    rows.add_row("origin", _printable(one.origin))
    rows.add_row("replayed", "yes" if replayed else "no")
    rows.add_row("key", _printable(one.key))
    for name, value in one.headers.items():
        rows.add_row(_printable(name), _printable(value))
    rows.add_row("body", f"{len(one.value)} bytes")
    _print_wide(console, rows)
    if note := _expired(one):
        console.print(Text(note, style="yellow"), soft_wrap=True)
    if body:
        console.print(_printable(_body(one.value), keep="\n"), soft_wrap=True)
    else:
        console.print(Text("--body shows it; it may contain personal data.", style="dim"))


def replayed(console: Console, done: Replayed) -> None:
    """What was sent, and what was not."""
    for place in done.sent:
        _line(console, "replayed", "green", str(place))
    for place, why in sorted(done.refused.items()):
        _line(console, "not replayed", "red", f"{place}: {why}")
    for place in done.unmarked:
        _line(console, "not marked", "yellow", str(place))


def failure(console: Console, text: str, *, as_json: bool) -> None:
    """Why a command did not do what it was asked for."""
    if as_json:
        console.print(json.dumps({"error": text}), markup=False, soft_wrap=True)
        return
    console.print(Text(text, style="red"), soft_wrap=True)


def _line(console: Console, mark: str, style: str, text: str) -> None:
    console.print(Text.assemble((f"{mark}  ", style), _printable(text)), soft_wrap=True)


def _print_wide(console: Console, rows: Table) -> None:
    console.print(rows, width=WIDEST, crop=False, no_wrap=True)


def _expired(one: DeadLetter) -> str:
    """A command past its time: replaying it does nothing."""
    body: Any
    try:
        body = json.loads(one.value)
        not_after = datetime.fromisoformat(body["not_after"])
        if not_after >= datetime.now(UTC):
            return ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f"It expired at {not_after:%Y-%m-%d %H:%M:%S}: its consumer will do nothing with it."


def _body(value: bytes) -> str:
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return value.decode(errors="backslashreplace")


def _short(text: str, most: int) -> Text:
    return _printable(text if len(text) <= most else text[: most - 1] + "…")


def _printable(text: str, keep: str = "") -> Text:
    return Text(
        "".join(
            c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
        )
    )
