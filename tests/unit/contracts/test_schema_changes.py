"""Which changes of a schema break those who know the old one."""

from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, create_model

from libs.contracts.schema_changes import breaking_changes


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Fewer(StrEnum):
    RED = "red"


class More(StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Inner(BaseModel):
    kept: str
    other: int = 0


class InnerWithout(BaseModel):
    kept: str


class InnerRenamed(BaseModel):
    """Another class name is not a change on the wire."""

    kept: str
    other: int = 0


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    schemas = (create_model("Some", **fields).model_json_schema() for fields in (old, new))
    return breaking_changes(*schemas)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ({"a": (str, ...)}, {}, "a: the field was removed"),
        ({"a": (str, None)}, {}, "a: the field was removed"),
        ({}, {"a": (str, ...)}, "a: the field is newly required"),
        ({"a": (str, "")}, {"a": (str, ...)}, "a: the field is newly required"),
        ({"a": (str, ...)}, {"a": (int, ...)}, "a: the type"),
        ({"a": (str, ...)}, {"a": (str | None, ...)}, "a: the type"),
        ({"a": (str | None, ...)}, {"a": (str, ...)}, "a: the type"),
        ({"a": (str, ...)}, {"a": (AwareDatetime, ...)}, "a: the type"),
        ({"a": (str, ...)}, {"a": (tuple[str, ...], ...)}, "a: the type"),
        ({"a": (tuple[str, ...], ...)}, {"a": (tuple[int, ...], ...)}, "a[]: the type"),
        ({"a": (dict[str, str], ...)}, {"a": (dict[str, int], ...)}, "a[]: the type"),
        ({"a": (Colour, ...)}, {"a": (Fewer, ...)}, "a: the value 'blue' was removed"),
        ({"a": (Colour | None, None)}, {"a": (Fewer | None, None)}, "a: the value 'blue'"),
        ({"a": (Literal["x", "y"], "x")}, {"a": (Literal["x"], "x")}, "a: the value 'y'"),
        ({"a": (str, ...)}, {"a": (Colour, ...)}, "a: only some values"),
        ({"a": (Inner, ...)}, {"a": (InnerWithout, ...)}, "a.other: the field was removed"),
        ({"a": (InnerWithout, ...)}, {"a": (Inner, ...)}, None),
        ({"a": (tuple[Inner, ...], ())}, {"a": (tuple[InnerWithout, ...], ())}, "a[].other"),
        ({"a": (Inner | None, None)}, {"a": (InnerWithout | None, None)}, "a.other"),
        ({"a": (Inner, ...)}, {"a": (InnerRenamed, ...)}, None),
        ({"a": (Colour, ...)}, {"a": (More, ...)}, None),
        ({}, {"a": (str | None, None)}, None),
        ({"a": (str, ...)}, {"a": (str, "")}, None),
        ({"a": (Inner | Colour, ...)}, {"a": (Colour | Inner, ...)}, None),
    ],
)
def test_one_change(old: dict[str, Any], new: dict[str, Any], path: str | None) -> None:
    found = changes(old, new)
    if path is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(path)


def test_nothing_changed() -> None:
    fields: dict[str, Any] = {"a": (Inner, ...), "b": (Colour | None, None)}
    assert changes(fields, fields) == []


def test_all_breaks_are_named() -> None:
    found = changes({"a": (str, ...), "b": (int, ...)}, {"b": (str, ...), "c": (str, ...)})
    assert {line.partition(":")[0] for line in found} == {"a", "b", "c"}
