"""A readable account of one schedule: messages, answers, faults and changes of state."""

from collections.abc import Callable
from typing import Any

from libs.messaging.bus import Incoming, Outgoing
from tests.simulation.bus import Group
from tests.simulation.database import Change
from tests.simulation.process import Process

SHOWN = {
    "runs": ("state", "settlement", "attempt"),
    "people": ("status", "active_run_id"),
    "accounts": ("posted", "held"),
    "holds": ("state", "amount"),
    "user_profiles": ("last_context_regenerated_at",),
    "reports": ("version",),
}


class Timeline:
    """Writes lines by `write`, each with the time in seconds since the start."""

    def __init__(self, write: Callable[[str], object], now_s: Callable[[], float]) -> None:
        self._write = write
        self._now_s = now_s

    def say(self, who: str, what: str) -> None:
        self._write(f"{self._now_s():9.3f}  {who:<20} {what}")

    def published(self, process: Process, message: Outgoing, fate: str) -> None:
        about = _short(message.headers.get("ce_subject", message.key), message.value)
        self.say(process.name, f"─► {message.type} {about}{f'  [{fate}]' if fate else ''}")

    def delivered(self, group: Group, incoming: Incoming) -> None:
        about = _short(incoming.headers.get("ce_subject", ""), incoming.value)
        self.say(f"→ {group.name}", f"{incoming.headers.get('ce_type')} {about}")

    def committed(self, service: str, changes: list[Change]) -> None:
        for table, key, before, after in changes:
            if table not in SHOWN:
                continue
            if after is None:
                self.say(f"[{service}]", f"{table} {_brief(key)}: gone")
                continue
            parts = []
            for name in SHOWN[table]:
                now = getattr(after, name, None)
                was = getattr(before, name, None) if before is not None else None
                if now != was:
                    since = f"{_brief(was)} → " if before is not None else ""
                    parts.append(f"{name} {since}{_brief(now)}")
            if parts:
                self.say(f"[{service}]", f"{table} {_brief(key)}: {', '.join(parts)}")


def _short(subject: str, value: bytes) -> str:
    """What a message is about: its subject, its run, and the outcome that it carries."""
    run = _field(value, "run_id")
    parts = [_brief(subject), _brief(run) if run != subject else "", _field(value, "outcome")]
    return " ".join(part for part in parts if part)


def _field(value: bytes, name: str) -> str:
    return value.partition(f'"{name}":"'.encode())[2].partition(b'"')[0].decode()


def _brief(value: Any) -> str:
    """Ids count up: their leading zeros say nothing."""
    text = str(value)
    prefix, _, digits = text.rpartition("_")
    if len(digits) == 32 and digits.startswith("0000"):
        return f"{prefix}_{digits.lstrip('0')}" if prefix else digits.lstrip("0")
    return text
