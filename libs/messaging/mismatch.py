"""Where something does not match its model, told without a word of it."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from libs.contracts.envelope import Meta
from libs.contracts.topics import MESSAGE_TYPES
from libs.messaging.failures import LONGEST_REASON

NAMED_PLACES = 5
"""How many places are named."""


def places_of(error: ValidationError) -> str:
    """The places of wrong values. What is no field of ours may be a word of the message: `…`."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    places = [".".join(map(_part, e["loc"])) or "body" for e in errors[:NAMED_PLACES]]
    more = ["…"] if len(errors) > NAMED_PLACES else []
    return ", ".join([*places, *more])[:LONGEST_REASON]


def _part(part: int | str) -> str:
    return str(part) if isinstance(part, int) or part in FIELDS else "…"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type is made of; contracts do not contain themselves."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for part in get_args(annotation):
        yield from _models(part)


FIELDS = frozenset(
    name
    for message in (Meta, *MESSAGE_TYPES.values())
    for model in _models(message)
    for name in model.model_fields
)
"""The names of all fields of the envelope and of messages."""
