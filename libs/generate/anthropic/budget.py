"""Tokens that may be spent: reserved before a call, settled by what it used."""

from libs.generate.port import GenerationFailed

BYTES_PER_TOKEN = 3
"""Bytes of UTF-8 that make a token, on the safe side: English has 4, Chinese 3 or more."""


def estimate_tokens(text: str) -> int:
    """Not fewer tokens than the text has."""
    return len(text.encode()) // BYTES_PER_TOKEN + 1


class Budget:
    """A limit in tokens, read and written together."""

    def __init__(self, limit_tokens: int) -> None:
        self._limit = limit_tokens
        self._spent = 0

    @property
    def left(self) -> int:
        return self._limit - self._spent

    def reserve(self, tokens: int) -> None:
        """Takes what a call may cost at most.

        Raises:
            GenerationFailed: that is more than is left (`budget_exhausted`).
        """
        if tokens > self.left:
            raise GenerationFailed(
                "budget_exhausted",
                f"The model would need up to {tokens} more tokens and {self.left} are left of the "
                "run's budget. Raise DOSSIER_ANTHROPIC_BUDGET_TOKENS.",
            )
        self._spent += tokens

    def settle(self, reserved: int, used: int) -> None:
        """Replaces a reservation by what was used."""
        self._spent += used - reserved
