"""The port through which workers have contexts and reports written."""

from typing import Protocol

from libs.contracts.context import ContextDraft, ContextJob
from libs.contracts.envelope import Frozen
from libs.contracts.research import ReportDraft, ResearchJob
from libs.contracts.sources import Source


class ContextRequest(Frozen):
    """Everything that a context may be written from."""

    job: ContextJob
    sources: tuple[Source, ...]


class ReportRequest(Frozen):
    """Everything that a report may be written from."""

    job: ResearchJob
    sources: tuple[Source, ...]


class GenerationFailed(Exception):
    """Nothing usable was written.

    `code` is stable and for machines, the message is for people. `retryable`
    says whether another attempt may go better (an overloaded API) or not (no
    evidence, a wrong key).
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class Generator(Protocol):
    """Writes drafts. `name` is shown with every result, so that readers know who wrote it."""

    name: str

    async def context(self, request: ContextRequest) -> ContextDraft:
        """Writes a company's context; a field without evidence stays empty.

        Raises:
            GenerationFailed: nothing could be written.
        """
        ...

    async def report(self, request: ReportRequest) -> ReportDraft:
        """Writes a report on a person; every statement comes with a quote.

        Raises:
            GenerationFailed: nothing could be written.
        """
        ...
