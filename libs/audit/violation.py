"""A finding of a check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing of which a statement does not hold.

    `statement` is its number in `statements.py`, `name` the check that found it, `subject`
    the id of the thing. `detail` says what is wrong; it quotes ids, states and amounts, never
    texts or names.
    """

    statement: int
    name: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"statement {self.statement}, {self.name}: {self.subject}: {self.detail}"
