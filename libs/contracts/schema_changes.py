"""Whether a schema still fits the messages and readers of the one before it. Pure."""

from typing import Any

Schema = dict[str, Any]


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What a reader or a writer of `old` would trip over in `new`, one sentence each.

    Removed fields, newly required fields, changed types and removed enum values
    break. New optional fields and new enum values do not: readers ignore fields
    that they do not know, and are deployed before writers.
    """
    return _compare(_Node(old, old), _Node(new, new), "")


class _Node:
    """A part of a schema, with the whole for its references."""

    def __init__(self, whole: Schema, part: Schema) -> None:
        while "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        self.whole = whole
        self.part = part

    def child(self, part: Any) -> "_Node":
        return _Node(self.whole, part if isinstance(part, dict) else {})

    def branches(self) -> dict[str, "_Node"]:
        """The alternatives of this part, by their type: one, unless it is a union."""
        found: dict[str, _Node] = {}
        for node in (self.child(part) for part in self.part.get("anyOf", [self.part])):
            kind = _kind(node.part)
            alike = sum(1 for name in found if name.partition(" #")[0] == kind)
            found[f"{kind} #{alike + 1}" if alike else kind] = node
        return found


def _kind(part: Schema) -> str:
    type_ = part.get("type", "anything")
    name = " or ".join(sorted(type_)) if isinstance(type_, list) else str(type_)
    return f"{name} ({part['format']})" if "format" in part else name


def _compare(old: _Node, new: _Node, path: str) -> list[str]:
    before, after = old.branches(), new.branches()
    if before.keys() != after.keys():
        was, now = (" | ".join(sorted(kinds)) for kinds in (before, after))
        return [f"{path or 'the message'}: the type was {was} and is now {now}"]
    found = []
    for kind, branch in before.items():
        found += _compare_branch(branch, after[kind], path)
    return found


def _compare_branch(old: _Node, new: _Node, path: str) -> list[str]:
    found = [
        f"{path or 'the message'}: the value {value!r} was removed"
        for value in _values(old.part)
        if _values(new.part) and value not in _values(new.part)
    ]
    if not _values(old.part) and _values(new.part):
        found.append(f"{path or 'the message'}: only some values are allowed now")
    old_fields: Schema = old.part.get("properties", {})
    new_fields: Schema = new.part.get("properties", {})
    required_before = set(old.part.get("required", []))
    for name in new.part.get("required", []):
        if name not in required_before:
            found.append(f"{_join(path, name)}: the field is newly required")
    for name, part in old_fields.items():
        if name not in new_fields:
            found.append(f"{_join(path, name)}: the field was removed")
        else:
            found += _compare(old.child(part), new.child(new_fields[name]), _join(path, name))
    for keyword in ("items", "additionalProperties"):
        if keyword in old.part or keyword in new.part:
            below = old.child(old.part.get(keyword)), new.child(new.part.get(keyword))
            found += _compare(*below, f"{path}[]")
    return found


def _values(part: Schema) -> list[Any]:
    if "const" in part:
        return [part["const"]]
    values: list[Any] = part.get("enum", [])
    return values


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
