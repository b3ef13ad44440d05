"""The generator that works without a model and without a network."""

import asyncio

from libs.contracts.context import ContextDraft
from libs.contracts.research import ReportDraft
from libs.contracts.sources import Source
from libs.generate.offline.context import write_context
from libs.generate.offline.report import write_report
from libs.generate.offline.snapshot import Page, cut
from libs.generate.port import ContextRequest, GenerationFailed, ReportRequest


class OfflineGenerator:
    """Quotes and ranks what was crawled. Deterministic: the same pages give the same draft."""

    name: str = "offline-extractive/1"

    async def context(self, request: ContextRequest) -> ContextDraft:
        """See `Generator.context`."""
        return await asyncio.to_thread(self._context, request)

    async def report(self, request: ReportRequest) -> ReportDraft:
        """See `Generator.report`."""
        return await asyncio.to_thread(
            lambda: write_report(self.name, request, _pages(request.sources))
        )

    def _context(self, request: ContextRequest) -> ContextDraft:
        draft = write_context(self.name, request, _pages(request.sources))
        if not draft.evidence:
            raise GenerationFailed(
                "no_evidence",
                "No page that could be read says anything of the company. Check the address of the "
                "website; a page that only asks for consent or a login cannot be used.",
            )
        return draft


def _pages(sources: tuple[Source, ...]) -> list[Page]:
    return [cut(source) for source in sources if source.was_read and source.text.strip()]
